"""A classifier and a regressor for scikit-learn that are circuits: look-up tables that vote, learned in integers.

Needs scikit-learn, the extra ``sklearn``; nothing else of this package imports it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuits.circuit import Builder, Circuit
from circuits.rewrite import without_dead_gates
from circuits.values import simulate_values
from circuits.wires import narrowest
from learn.classify import SMALL_SWAP, WARPINGS, WARPS, Sizes, held_out, sizes
from learn.encoders import ENCODINGS, MAX_LEVELS, Codes, Encoder, ImageEncoder, TabularEncoder
from learn.errors import ModelError
from learn.inference import Reader
from learn.keys import Key
from learn.losses import huber
from learn.lut_kernels import SIGNAL_LIMIT
from learn.models.arithmetic import Samples, learn_function
from learn.models.lut_network import MAX_PINS, LutNetwork, greatest, make_network, network_circuit
from learn.models.readouts import READOUTS
from learn.rules import rules_in
from learn.spaces import Int
from learn.train import Loss, Settings, bank_of, class_scores, fit, probes_of

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.class_weight import compute_class_weight
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as missing:
    raise ImportError(
        "CircuitClassifier, CircuitRegressor: scikit-learn 1.6 or newer is missing, install it with "
        "pip install 'gatewright[sklearn]'"
    ) from missing

PARTIAL_RATE = 0.1
"""Of the votes in ``partial_fit``, which cannot know when to slow down."""
LONGER = 1.5
"""Epochs of a regressor over those of a classifier, where they are chosen."""
RESIDUAL = 2
"""Tables that a signal of 1 stands for: errors count in full up to more than a standard deviation of the target."""
MOST_EXACT = 1 << 53
"""Doubles hold all integers below."""
LEAST_TARGET, MOST_TARGET = 1e-100, 1e100
"""Smaller targets count as zero; larger ones are refused, for they are squared."""
TEMPERATURES = np.geomspace(1 / 8, 8, 61)
"""Tried in calibration, in units of the training's tau."""


def integer_weights(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the integers 0..127 closest in ratio to the weights of classes: the smallest has at least half a digit.

    Raises:
        ModelError: negative weights, or none above 0.
    """
    if weights.min() < 0 or not 0 < weights.max() < math.inf:
        raise ModelError(f"class_weight: got {weights.tolist()}, expected numbers of 0 or more, one above 0")
    ratio = weights.max() / weights[weights > 0].min()
    top = 1 if ratio == 1 else min(SIGNAL_LIMIT, math.ceil(2 * ratio))
    return np.rint(top * weights / weights.max()).astype(np.int64)


def calibrated(scores: NDArray[np.int64], labels: NDArray[np.int64], temperatures: NDArray[np.float64]) -> float:
    """Return the temperature whose softmax gives the labels the least cross-entropy.

    Each label is smoothed as by one more sample a class, so that a few samples that are all right do not ask for a
    temperature of 0 (Platt 1999, Probabilistic Outputs for Support Vector Machines).

    Args:
        scores: integers (samples, classes).
        labels: integers (samples,).
        temperatures: those to choose from.
    """
    samples, classes = scores.shape
    behind = scores - scores.max(axis=1, keepdims=True)
    right = np.take_along_axis(behind, labels[:, None], axis=1)[:, 0]
    wanted = (samples * right + behind.sum(axis=1)) / (samples + classes)
    losses = [(np.log(np.exp(behind / t).sum(axis=1)) - wanted / t).sum() for t in temperatures]
    return float(temperatures[int(np.argmin(losses))])


Check = tuple[Callable[[Any], bool], str]


def _whole(lo: int, hi: float = math.inf, *others: Any) -> Check:
    text = f"an integer {lo}..{hi}" if hi < math.inf else f"an integer of at least {lo}"
    words = "".join(f" or {other!r}" for other in others)

    def holds(value: Any) -> bool:
        if value is None or isinstance(value, str):
            return value in others
        return isinstance(value, Integral) and not isinstance(value, bool) and lo <= int(value) <= hi

    return holds, text + words


def _real(expected: str, holds: Callable[[float], bool]) -> Check:
    return lambda value: isinstance(value, Real) and not isinstance(value, bool) and holds(float(value)), expected


def _one_of(names: Iterable[str]) -> Check:
    known = tuple(names)
    return lambda value: isinstance(value, str) and value in known, f"one of {', '.join(known)}"


def _is_shape(value: Any) -> bool:
    return value is None or (
        isinstance(value, Sequence) and len(value) == 2 and all(isinstance(v, Integral) and int(v) > 0 for v in value)
    )


_tau, _expected_tau = _real("a number above 0, at most 1e4, or None", lambda value: 0 < value <= 1e4)

CHECKS: dict[str, Check] = {
    "model": _one_of(("tables", "arithmetic", "auto")),
    "tables": _whole(2, 1 << 20, "auto"),
    "layers": _whole(1),
    "pins": _whole(2, MAX_PINS),
    "bound": _whole(1, 128),
    "epochs": _whole(1, math.inf, "auto"),
    "levels": _whole(1, MAX_LEVELS),
    "encoding": _one_of(ENCODINGS),
    "image_shape": (_is_shape, "a pair of positive integers, (height, width), or None"),
    "warps": _one_of(WARPINGS),
    "readout": _one_of(READOUTS),
    "rule": _one_of(rules_in(Int)),
    "tau": (lambda value: value is None or _tau(value), _expected_tau),
    "scale": _whole(1, SIGNAL_LIMIT, None),
    "spread": _real("a number above 0, at most 1", lambda value: 0 < value <= 1),
    "swap": _real("a number 0..1", lambda value: 0 <= value <= 1),
    "validation_fraction": _real("a number of at least 0 and below 1", lambda value: 0 <= value < 1),
    "patience": _whole(1, math.inf, None),
    "class_weight": (
        lambda value: value is None or value == "balanced" or isinstance(value, dict),
        "'balanced', a dict of classes to weights, or None",
    ),
    "random_state": (
        lambda value: value is None or isinstance(value, Integral) or hasattr(value, "randint"),
        "an integer, a RandomState or None",
    ),
    "n_jobs": (
        lambda value: value is None or (isinstance(value, Integral) and int(value) != 0),
        "an integer other than 0, or None",
    ),
}
"""What each parameter may be."""


class _CircuitEstimator(BaseEstimator):  # type: ignore[misc]
    """What the classifier and the regressor share: parameters, encoder, network and training."""

    _loss: Loss | None = None
    """In place of that of the readout."""
    _told: tuple[str, ...] = ("loss", "accuracy", "flips", "swaps")
    """What of an event is kept in ``history_``."""

    def _answer(self, builder: Builder, scores: Sequence[int]) -> dict[str, int]:
        """Return the outputs of the circuit, made of the scores."""
        raise NotImplementedError

    def _rating(self, network: LutNetwork, codes: Codes, wanted: NDArray[np.int64]) -> float:
        """Return how good a network is, the greater the better."""
        raise NotImplementedError

    @property
    def circuit_(self) -> Circuit:
        """All of it: from ``encoder_.inputs(X)`` to what ``predict`` says, as an integer."""
        check_is_fitted(self)
        if self._circuit is None:
            self._circuit: Circuit | None = network_circuit(
                self.network_, self.encoder_.builder(type(self).__name__), self.encoder_.pin_wire, self._answer
            )
        return self._circuit

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        return state | {"_circuit": None} if "_circuit" in state else state  # it is built again when asked for

    def _check(self) -> None:
        for name, value in self.get_params(deep=False).items():
            holds, expected = CHECKS[name]
            if not holds(value):
                raise ModelError(f"{name}: got {value!r}, expected {expected}")
        if self.patience is not None and not self.validation_fraction:
            raise ModelError("patience: needs samples to validate with, expected a validation_fraction above 0")

    def _key(self) -> Key:
        given: Any = 0 if self.random_state is None else self.random_state
        return Key(int(given if isinstance(given, Integral) else given.randint((1 << 31) - 1)))

    def _threads(self) -> int:
        wanted = 1 if self.n_jobs is None else int(self.n_jobs)
        return wanted if wanted > 0 else max(1, (os.cpu_count() or 1) + 1 + wanted)

    def _open(self, features: NDArray[Any], groups: int, key: Key) -> Sizes:
        """Set the encoder and a network before training, of so many groups of tables."""
        encoder = self._encoder(features)
        probes = probes_of(encoder.codes(features), key.fold("probes"))
        size = sizes(len(features), features.shape[1], groups, None if self.tables == "auto" else int(self.tables))
        bank = bank_of(encoder, probes, key.fold("bank"))
        self.network_: LutNetwork = make_network(
            bank,
            rows=encoder.rows,
            classes=groups,
            widths=[size.tables] * self.layers,
            pins=self.pins,
            bound=self.bound,
            key=key.fold("network"),
            readout=getattr(self, "readout", next(iter(READOUTS))),
        )
        self.encoder_, self._bank, self._circuit = encoder, bank, None
        self.n_iter_: int = 0
        self.history_: list[dict[str, Any]] = []
        return size

    def _encoder(self, features: NDArray[Any]) -> Encoder:
        names = getattr(self, "feature_names_in_", None)
        given = None if names is None else list(names)
        return TabularEncoder.fit(features, given, levels=self.levels, encoding=self.encoding)

    def _warps(self, key: Key) -> NDArray[np.int32] | None:
        """Return deformations of images to train on."""
        return None

    def _sizes(self, samples: int) -> Sizes:
        size = sizes(samples, self.n_features_in_, self.network_.classes, len(self.network_.groups))
        return size if self.epochs == "auto" else size._replace(epochs=int(self.epochs))

    def _train(
        self,
        codes: Codes,
        labels: NDArray[np.int64],
        out: NDArray[np.bool_],
        settings: Settings,
        key: Key,
        weights: NDArray[np.int64] | None,
    ) -> None:
        best, since = -math.inf, 0
        done = self.n_iter_
        for event in fit(
            self.network_,
            codes[~out],
            labels[~out],
            bank=self._bank,
            key=key,
            settings=settings,
            weights=None if weights is None else weights[~out],
            warps=self._warps(key.fold("warps")),
            loss=type(self)._loss,
            threads=self._threads(),
        ):
            self.n_iter_ = done + event.epoch
            rating = self._rating(event.network, codes[out], labels[out]) if out.any() else math.nan
            told = {name: getattr(event, name) for name in self._told}
            self.history_.append({"epoch": self.n_iter_, "validation": rating} | told)
            since = 0 if rating > best else since + 1
            if not rating < best:  # the later of equals has learned longer
                best, kept = rating if out.any() else best, event.network
            if self.patience is not None and since >= self.patience:
                break
        self.network_ = kept
        self._circuit = None

    def _scores(self, X: ArrayLike) -> NDArray[np.int64]:
        check_is_fitted(self)
        features = _doubles(validate_data(self, X, reset=False))
        return class_scores(self.network_, self.encoder_.codes(features))


class CircuitClassifier(ClassifierMixin, _CircuitEstimator):  # type: ignore[misc]
    """A network of look-up tables that vote for classes; what is fitted is a circuit (``circuit_``).

    Every number that is learned or used to classify is an integer; only the temperature of ``predict_proba`` is not.
    The same data and ``random_state`` give the same network, on any number of threads.

    Args:
        tables: look-up tables a layer; "auto" chooses by samples, features and classes.
        layers: how many.
        pins: inputs a table, 2..6.
        bound: counters live in -bound..bound-1.
        epochs: passes over the samples; "auto" for at least 20 of them and 1,000 steps.
        levels: thresholds a feature, 1..255.
        encoding: what pins may ask of a feature, a name of ``learn.encoders.ENCODINGS``; images have their own.
        image_shape: (height, width) if features are the bytes of images, row by row; None for a table of features.
        warps: what training does to images, a name of ``learn.classify.WARPINGS``.
        readout: how tables become scores, a name of ``learn.models.readouts.READOUTS``.
        rule: the update rule, a name of ``learn.rules.RULES`` that works on integers.
        tau: the scores' unit in training; None chooses.
        scale: the largest error signal, at most 127; None for 63, or less with ``class_weight``.
        swap: share of the first layer's pins that may be swapped at a time.
        validation_fraction: share of the samples that is held out: the network that classifies most of them right is
            kept, and ``predict_proba`` is calibrated on them. With 0 the last network is.
        patience: epochs without a better validation after which training stops; None for never.
        class_weight: what the error of a class's samples counts: None, "balanced" or a dict. Rounded to integers.
        random_state: an integer, or a RandomState that one is drawn from; None is 0.
        n_jobs: threads; -1 for as many as there are processors. They pay from some thousand tables on.

    Attributes:
        classes_: the classes, sorted; class k is the number k in the circuit.
        n_features_in_: number of features.
        feature_names_in_: their names, if they had any.
        encoder_: from features to rows of bytes and to the circuit's inputs.
        network_: the network.
        temperature_: of the scores in ``predict_proba``.
        n_iter_: epochs so far.
        history_: one dict an epoch: epoch, loss, accuracy, validation, flips, swaps.
    """

    def __init__(
        self,
        *,
        tables: int | str = "auto",
        layers: int = 1,
        pins: int = 6,
        bound: int = 32,
        epochs: int | str = "auto",
        levels: int = 32,
        encoding: str = "quantile",
        image_shape: tuple[int, int] | None = None,
        warps: str = "none",
        readout: str = "group_sum",
        rule: str = "vote",
        tau: float | None = None,
        scale: int | None = None,
        swap: float = SMALL_SWAP,
        validation_fraction: float = 0.0,
        patience: int | None = None,
        class_weight: str | dict[Any, float] | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.tables = tables
        self.layers = layers
        self.pins = pins
        self.bound = bound
        self.epochs = epochs
        self.levels = levels
        self.encoding = encoding
        self.image_shape = image_shape
        self.warps = warps
        self.readout = readout
        self.rule = rule
        self.tau = tau
        self.scale = scale
        self.swap = swap
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.class_weight = class_weight
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit encoder, network and temperature.

        Args:
            X: numbers (samples, features); integers become integer inputs of the circuit.
            y: labels (samples,).

        Raises:
            ModelError: a parameter out of range, or fewer than two classes.
            DataError: features that are all constant, or no bytes where images are expected.
        """
        self._check()
        features, wanted = self._data(X, y, reset=True)
        classes, labels = np.unique(wanted, return_inverse=True)
        key = self._key()
        self._start(features, classes, key)
        weights, scale = self._weighing(labels)
        out = held_out(labels, self.validation_fraction, key.fold("held out"))
        if self.validation_fraction and not out.any():
            raise ModelError(
                f"validation_fraction: got {self.validation_fraction} of {len(labels)} samples in {len(classes)} "
                "classes, which holds out none; give more samples or a larger share"
            )
        codes = self.encoder_.codes(features)
        size = self._sizes(int((~out).sum()))
        settings = Settings(
            epochs=size.epochs,
            batch=size.batch,
            scale=scale,
            tau=self._tau,
            swap=float(self.swap),
            every=size.every,
            rule=self.rule,
        )
        self._train(codes, labels, out, settings, key.fold("fit"), weights)
        self._calibrate(codes, labels, out)
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Take one pass over more samples, at a constant rate, from where the network is; no pin is swapped.

        The first call fits the encoder and starts the network; every sample is trained on.

        Args:
            X: numbers (samples, features).
            y: labels (samples,).
            classes: all classes that will ever come; needed at the first call.

        Raises:
            ModelError: as for :meth:`fit`; classes that are missing or differ, or ``class_weight="balanced"``.
        """
        self._check()
        first = not hasattr(self, "network_")
        features, wanted = self._data(X, y, reset=first)
        if isinstance(self.class_weight, str):
            raise ModelError("class_weight: 'balanced' needs all samples, expected a dict or None in partial_fit")
        if first and classes is None:
            raise ModelError("partial_fit: classes are missing, give all of them at the first call")
        known = self.classes_ if classes is None else np.unique(np.asarray(classes))
        if not first and not np.array_equal(known, self.classes_):
            raise ModelError(f"partial_fit: got classes {known.tolist()}, expected {self.classes_.tolist()} as before")
        if not np.isin(wanted, known).all():
            strange = wanted[~np.isin(wanted, known)][0]
            raise ModelError(f"partial_fit: got the label {strange!r}, expected one of {known.tolist()}")
        key = self._key()
        if first:
            self._start(features, known, key)
        labels = np.searchsorted(self.classes_, wanted)
        weights, scale = self._weighing(labels)
        codes, none = self.encoder_.codes(features), np.zeros(len(labels), bool)
        size = self._sizes(len(labels))
        settings = Settings(
            epochs=1,
            batch=size.batch,
            rate=PARTIAL_RATE,
            end=1.0,
            scale=scale,
            tau=size.tau,
            swap=0.0,
            rule=self.rule,
        )
        self._train(codes, labels, none, settings, key.fold("partial", self.n_iter_), weights)
        self._calibrate(codes, labels, none)
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return how many tables vote for each class: (samples, classes); of two classes the difference, (samples,)."""
        scores = self._scores(X).astype(np.float64)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class of the most votes of each sample, the first among equals: what ``circuit_`` says."""
        check_is_fitted(self)
        features = _doubles(validate_data(self, X, reset=False))
        return self.classes_[Reader(self.network_, self.encoder_).predict(features)]

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return softmax(votes / temperature): float64 (samples, classes)."""
        scores = self._scores(X)
        shares = np.exp((scores - scores.max(axis=1, keepdims=True)) / self.temperature_)
        return shares / shares.sum(axis=1, keepdims=True)

    def _data(self, X: ArrayLike, y: ArrayLike, *, reset: bool) -> tuple[NDArray[Any], NDArray[Any]]:
        features, labels = validate_data(self, X, y, reset=reset)
        check_classification_targets(labels)
        return _doubles(features), labels

    def _start(self, features: NDArray[Any], classes: NDArray[Any], key: Key) -> None:
        """Set the encoder, the classes and a network before training."""
        if len(classes) < 2:
            raise ModelError(f"classes: got {len(classes)} class, expected two or more")
        size = self._open(features, len(classes), key)
        self.classes_ = classes
        self._tau = float(size.tau if self.tau is None else self.tau)

    def _answer(self, builder: Builder, scores: Sequence[int]) -> dict[str, int]:
        return greatest(builder, scores)

    def _rating(self, network: LutNetwork, codes: Codes, wanted: NDArray[np.int64]) -> float:
        return float((class_scores(network, codes).argmax(axis=1) == wanted).mean())

    def _encoder(self, features: NDArray[Any]) -> Encoder:
        if self.image_shape is None:
            return super()._encoder(features)
        height, width = map(int, self.image_shape)
        if height * width != features.shape[1]:
            raise ModelError(f"image_shape: got {height}x{width} pixels, expected {features.shape[1]} as the data has")
        return ImageEncoder(height, width)

    def _weighing(self, labels: NDArray[np.int64]) -> tuple[NDArray[np.int64] | None, int]:
        """Return the samples' weights and the scale that leaves room for them."""
        if self.class_weight is None:
            return None, int(self.scale or Settings.scale)
        of_class = integer_weights(
            compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_[labels]).astype(np.float64)
        )
        room = SIGNAL_LIMIT // int(of_class.max())
        return of_class[labels], int(self.scale or min(Settings.scale, room))

    def _warps(self, key: Key) -> NDArray[np.int32] | None:
        warping = WARPINGS[self.warps]
        if warping is None or not isinstance(self.encoder_, ImageEncoder):
            return None
        return self.encoder_.warps(key, WARPS, **warping._asdict())

    def _calibrate(self, codes: Codes, labels: NDArray[np.int64], out: NDArray[np.bool_]) -> None:
        # Samples that were trained on are all right at a temperature of 0; measured on others, tau is near the best.
        seen = out if out.any() else ~out
        tried = TEMPERATURES if out.any() else TEMPERATURES[TEMPERATURES >= 1]
        self.temperature_ = calibrated(class_scores(self.network_, codes[seen]), labels[seen], self._tau * tried)


class CircuitRegressor(RegressorMixin, _CircuitEstimator):  # type: ignore[misc]
    """A sum of look-up tables, half of which count down; what is fitted is a circuit (``circuit_``) of integers.

    Integers that are a function of integers can be fitted exactly instead, by an arithmetic form. Of tables a
    prediction is (weight * (tables that say up - tables that say down) + bias) units, a unit a power of ten. Tables
    learn from the residual, an integer, by Huber's loss; weight and bias are fitted at the end. The same data and
    ``random_state`` give the same network, on any number of threads.

    Args:
        model: "tables"; "arithmetic" for the best of ``learn.models.arithmetic.FORMS``, of features and targets that
            are integers; "auto" for a form that gets every sample right, a quarter of them held out, else tables.
        tables: look-up tables a layer; "auto" chooses by samples and features.
        layers: how many.
        pins: inputs a table, 2..6; fewer smooth more.
        bound: counters live in -bound..bound-1.
        epochs: passes over the samples; "auto" for at least 20 of them and 1,500 steps.
        levels: thresholds a feature, 1..255.
        encoding: what pins may ask of a feature, a name of ``learn.encoders.ENCODINGS``.
        rule: the update rule, a name of ``learn.rules.RULES`` that works on integers.
        spread: standard deviation of the target as a share of the tables; the more of them an answer takes, the more
            each is an average of many samples, so noisy data wants more and exact data less.
        swap: share of the first layer's pins that may be swapped at a time.
        validation_fraction: share of the samples that is held out: the network of the least squared error on them is
            kept, and weight and bias are fitted to them by least squares. With 0 the last network is, and the weight
            is midway between that of least squares on all samples and that which was aimed at.
        patience: epochs without a better validation after which training stops; None for never.
        random_state: an integer, or a RandomState that one is drawn from; None is 0.
        n_jobs: threads; -1 for as many as there are processors.

    Attributes:
        n_features_in_: number of features.
        feature_names_in_: their names, if they had any.
        encoder_: from features to rows of bytes and to the circuit's inputs.
        form_: the arithmetic form as a formula, None for tables; the attributes below are those of tables.
        network_: the network.
        exponent_: the unit of ``circuit_`` is 10**exponent_, as the name of its output tells: ``y_e-3`` is in
            thousandths.
        weight_: what a table counts, in units.
        bias_: the prediction where as many tables say up as down, in units.
        n_iter_: epochs so far.
        history_: one dict an epoch: epoch, loss (Huber's, a sample), validation (the coefficient of determination on
            the samples held out), flips, swaps.
    """

    form_: str | None
    _form: Circuit | None
    _loss = staticmethod(huber)
    _told = ("loss", "flips", "swaps")

    def __init__(
        self,
        *,
        model: str = "tables",
        tables: int | str = "auto",
        layers: int = 1,
        pins: int = 4,
        bound: int = 32,
        epochs: int | str = "auto",
        levels: int = 128,
        encoding: str = "quantile",
        rule: str = "vote",
        spread: float = 0.16,
        swap: float = 0.15,
        validation_fraction: float = 0.0,
        patience: int | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.model = model
        self.tables = tables
        self.layers = layers
        self.pins = pins
        self.bound = bound
        self.epochs = epochs
        self.levels = levels
        self.encoding = encoding
        self.rule = rule
        self.spread = spread
        self.swap = swap
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit encoder, network, weight and bias; or a form.

        Args:
            X: numbers (samples, features); integers become integer inputs of the circuit.
            y: numbers (samples,).

        Raises:
            ModelError: a parameter out of range, a single sample, targets beyond 1e100, numbers that are no integers
                for the model "arithmetic", or a validation_fraction that holds out no sample.
            DataError: features that are all constant.
        """
        self._check()
        features, target = self._data(X, y, reset=True)
        key = self._key()
        if self.model != "tables" and self._fit_form(features, target, key.fold("form")):
            return self
        self._start(features, target, key)
        out = held_out(np.zeros(len(target), np.int64), self.validation_fraction, key.fold("held out"))
        if self.validation_fraction and not out.any():
            raise ModelError(
                f"validation_fraction: got {self.validation_fraction} of {_count(len(target))}, which holds out none; "
                "give more samples or a larger share"
            )
        codes, wanted = self.encoder_.codes(features), self._ticks(target)
        size = self._sizes(int((~out).sum()))
        settings = Settings(
            epochs=size.epochs,
            batch=size.batch,
            scale=SIGNAL_LIMIT,
            tau=RESIDUAL,
            swap=float(self.swap),
            rule=self.rule,
            every=size.every,
        )
        self._train(codes, wanted, out, settings, key.fold("fit"), None)
        seen = out if out.any() else ~out
        sums = _difference(class_scores(self.network_, codes[seen]))
        centred = sums - sums.mean()
        variance = float(centred @ centred)
        slope = max(0.0, float(centred @ (target[seen] - target[seen].mean())) / variance) if variance else 0.0
        if (
            not out.any()
        ):  # samples that were trained on ask for too much where they are noisy, and the tick for too little
            slope = (slope + self._tick) / 2
        self._scale_to(slope, float(target[seen].mean() - slope * sums.mean()), float(np.abs(target).max()))
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Take one pass over more samples, at a constant rate, from where the network is; no pin is swapped.

        The first call fits the encoder and the scale of the target, so its samples should be like those to come; every
        sample is trained on.

        Args:
            X: numbers (samples, features).
            y: numbers (samples,).

        Raises:
            ModelError: as for :meth:`fit`, or the model "arithmetic", which does not learn from parts.
        """
        self._check()
        if self.model == "arithmetic":
            raise ModelError("partial_fit: got the model 'arithmetic', expected 'tables' or 'auto'; use fit")
        first = not hasattr(self, "network_")
        features, target = self._data(X, y, reset=first)
        key = self._key()
        if first:
            self._start(features, target, key)
            self._scale_to(self._tick, self._middle, float(np.abs(target).max()))
        size = self._sizes(len(target))
        settings = Settings(
            epochs=1,
            batch=size.batch,
            rate=PARTIAL_RATE,
            end=1.0,
            scale=SIGNAL_LIMIT,
            tau=RESIDUAL,
            swap=0.0,
            rule=self.rule,
        )
        none = np.zeros(len(target), bool)
        codes = self.encoder_.codes(features)
        self._train(codes, self._ticks(target), none, settings, key.fold("partial", self.n_iter_), None)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the target of each sample: what ``circuit_`` says, times 10**exponent_."""
        check_is_fitted(self)
        if self.form_ is not None:
            inputs = self.encoder_.inputs(validate_data(self, X, reset=False))
            return simulate_values(self.circuit_, inputs)[0].astype(np.float64)
        difference = _difference(self._scores(X))
        units = (self.weight_ * difference + self.bias_).astype(np.float64)
        return units / 10.0**-self.exponent_ if self.exponent_ < 0 else units * 10.0**self.exponent_

    @property
    def circuit_(self) -> Circuit:
        """All of it: from ``encoder_.inputs(X)`` to what ``predict`` says, as an integer."""
        check_is_fitted(self)
        return super().circuit_ if self._form is None else self._form

    def _data(self, X: ArrayLike, y: ArrayLike, *, reset: bool) -> tuple[NDArray[Any], NDArray[np.float64]]:
        features, target = validate_data(self, X, y, reset=reset, y_numeric=True)
        return _doubles(features), np.asarray(target, np.float64)

    def _fit_form(self, features: NDArray[Any], target: NDArray[np.float64], key: Key) -> bool:
        """Fit a form, and tell whether there is one to keep."""
        numbers = [*features.T, target]
        if not all((np.rint(column) == column).all() and np.abs(column).max() < MOST_EXACT for column in numbers):
            if self.model == "auto":
                return False
            raise ModelError(
                f"model: got features or targets that are no integers below {MOST_EXACT}, which 'arithmetic' expects; "
                "scale and round them, or use 'tables'"
            )
        encoder = self._encoder(features.astype(np.int64))
        builder, wanted = encoder.builder(type(self).__name__), target.astype(np.int64)
        types = tuple(map(builder.type_of, builder.inputs))
        word, names = narrowest(int(wanted.min()), int(wanted.max())), tuple(getattr(self, "feature_names_in_", ()))
        *_, found = learn_function(Samples(encoder.inputs(features).T, wanted, types, word, False, names), key=key)
        if self.model == "auto" and not found.exact:
            return False
        if hasattr(self, "network_"):
            del self.network_
        self.encoder_, self.form_, self.n_iter_, self.history_ = encoder, found.learned.text, 0, []
        wire = found.learned.recipe(builder, builder.inputs)
        self._form = without_dead_gates(builder.circuit({"y": wire}))
        return True

    def _start(self, features: NDArray[Any], target: NDArray[np.float64], key: Key) -> None:
        """Set the encoder, a network before training, and how much of the target a table is worth."""
        if len(target) < 2:
            raise ModelError("samples: got 1 sample, expected two or more")
        self.form_, self._form = None, None
        self._middle = float(target.mean())
        if np.abs(target).max() > MOST_TARGET:
            raise ModelError(f"target: got numbers up to {np.abs(target).max():g}, expected at most {MOST_TARGET:g}")
        size = self._open(features, 2, key)
        self._tick = float(target.std()) / (self.spread * size.tables)

    def _sizes(self, samples: int) -> Sizes:
        size = super()._sizes(samples)
        return size._replace(epochs=math.ceil(LONGER * size.epochs)) if self.epochs == "auto" else size

    def _ticks(self, target: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return targets as the number of tables they are worth."""
        if not self._tick:
            return np.zeros(len(target), np.int64)
        return np.rint(np.clip((target - self._middle) / self._tick, -(1 << 30), 1 << 30)).astype(np.int64)

    def _scale_to(self, slope: float, middle: float, largest: float) -> None:
        """Set weight and bias, integers in units of a power of ten: a weight of three digits where 53 bits allow it."""
        finest = math.ceil(math.log10(max(largest, abs(middle), LEAST_TARGET) / 2.0**50))
        self.exponent_ = finest if slope < LEAST_TARGET else max(finest, math.floor(math.log10(slope)) - 2)
        unit = Fraction(10) ** self.exponent_
        self.weight_, self.bias_ = round(Fraction(slope) / unit), round(Fraction(middle) / unit)
        self._circuit = None

    def _answer(self, builder: Builder, scores: Sequence[int]) -> dict[str, int]:
        down, up = map(builder.term, scores)
        name = f"y_e{self.exponent_}" if self.exponent_ else "y"
        return {name: ((up - down) * self.weight_ + self.bias_).wire}

    def _rating(self, network: LutNetwork, codes: Codes, wanted: NDArray[np.int64]) -> float:
        """Return the coefficient of determination; of one sample or equal ones, minus the squared error."""
        error = float(((_difference(class_scores(network, codes)) - wanted) ** 2).sum())
        varied = float(((wanted - wanted.mean()) ** 2).sum())
        return 1 - error / varied if varied else -error


def _difference(scores: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many more tables say up than down."""
    return scores[:, 1] - scores[:, 0]


def _count(samples: int) -> str:
    return f"{samples} sample{'s' * (samples != 1)}"


def _doubles(features: NDArray[Any]) -> NDArray[Any]:
    """Return floats in double precision, so that thresholds lie between them; integers as they are."""
    return features.astype(np.float64, copy=False) if features.dtype.kind == "f" else features
