"""The classifier for scikit-learn: its checks, the same answers as its circuit, the same network every time."""

import pickle
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

from circuits.values import simulate_values
from learn import lut_kernels as kernels
from learn.encoders import TabularEncoder
from learn.errors import DataError, ModelError, TrainError
from learn.keys import Key
from learn.models.lut_network import make_network
from learn.train import Settings, fit

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra [sklearn]")

from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris, load_wine, make_friedman1
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from learn.estimators import CHECKS, CircuitClassifier, CircuitRegressor, calibrated, held_out, integer_weights, sizes

SMALL = {"tables": 90, "epochs": 40}
IRIS = load_iris(return_X_y=True)
WINE = load_wine(return_X_y=True)
DIGITS = load_digits(return_X_y=True)


@parametrize_with_checks(
    [
        CircuitClassifier(),
        CircuitClassifier(tables=60, layers=2, epochs=30, pins=3),
        CircuitRegressor(tables=100, epochs=40),
    ]
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def said_by_the_circuit(model, features):
    return model.classes_[simulate_values(model.circuit_, model.encoder_.inputs(features))[0]]


def same_network(one, other):
    return all(
        np.array_equal(a, b)
        for x, y in zip(one.network_.layers, other.network_.layers, strict=True)
        for a, b in zip((*x.pins, x.counters), (*y.pins, y.counters), strict=True)
    )


# --- The circuit ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        (IRIS, SMALL),
        (IRIS, SMALL | {"layers": 2, "pins": 4}),
        (WINE, {}),
        ((DIGITS[0].astype(int), DIGITS[1]), SMALL | {"tables": 100}),
        ((16 * DIGITS[0].clip(0, 15), DIGITS[1]), SMALL | {"tables": 100, "image_shape": (8, 8), "epochs": 10}),
        (
            (16 * DIGITS[0].clip(0, 15), DIGITS[1]),
            SMALL | {"tables": 100, "image_shape": (8, 8), "epochs": 4, "warps": "shift", "readout": "weighted_sum"},
        ),
        (IRIS, SMALL | {"readout": "one_vs_rest"}),
        ((IRIS[0] > IRIS[0].mean(axis=0), IRIS[1]), SMALL),
        *((IRIS, SMALL | {"encoding": name}) for name in ("uniform", "one_hot", "bits", "gray")),
        *((((10 * IRIS[0]).astype(int), IRIS[1]), SMALL | {"encoding": name}) for name in ("one_hot", "bits", "gray")),
    ],
)
def test_predictions_are_what_the_circuit_says(data, settings):
    features, labels = data
    model = CircuitClassifier(**settings).fit(features[::2], labels[::2])
    assert (said_by_the_circuit(model, features) == model.predict(features)).all()
    assert model.circuit_ is model.circuit_
    assert model.circuit_.output_names == ("class",)
    assert model.circuit_.num_inputs == model.n_features_in_


def test_integers_are_words_and_floats_are_codes():
    x, y = IRIS
    tenths = np.rint(10 * x).astype(int) - 30
    model = CircuitClassifier(**SMALL).fit(tenths, y)
    assert np.array_equal(model.encoder_.inputs(tenths), tenths.T)
    assert all(word.lo <= tenths.min() and word.hi >= tenths.max() for word in model.circuit_.input_types)


def test_names_of_features_are_names_of_inputs():
    x, y = IRIS
    assert CircuitClassifier(**SMALL).fit(x, y).circuit_.input_names == ("x0", "x1", "x2", "x3")
    pandas = pytest.importorskip("pandas")
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    model = CircuitClassifier(**SMALL).fit(pandas.DataFrame(x, columns=names), y)
    assert list(model.feature_names_in_) == list(model.circuit_.input_names) == names


# --- Accuracy ---------------------------------------------------------------------------------------------------------


def test_monk_1_is_learned_from_124_samples():
    x = 1 + np.array(list(product(*map(range, (3, 3, 2, 3, 4, 2)))))
    y = (x[:, 0] == x[:, 1]) | (x[:, 4] == 1)
    drawn = np.argsort(Key(0).fold("monk").words(len(x)), kind="stable")[:124]
    model = CircuitClassifier().fit(x[drawn], y[drawn])
    assert model.score(x, y) == 1
    assert (said_by_the_circuit(model, x) == y).all()


@pytest.mark.parametrize(("data", "least"), [(IRIS, 0.92), (WINE, 0.95)])
def test_small_tables_are_classified_well(data, least):
    assert cross_val_score(CircuitClassifier(), *data, cv=5).mean() >= least


def test_digits_are_classified_well():
    x, y = DIGITS
    model = CircuitClassifier().fit(x[:1200], y[:1200])
    assert model.score(x[1200:], y[1200:]) >= 0.92
    assert log_loss(y[1200:], model.predict_proba(x[1200:])) < 0.3


def test_class_weight_moves_the_border():
    x, turn = np.arange(200)[:, None] % 10, np.arange(200) // 10
    y = turn < 1.5 * x[:, 0]  # true in 0, 2, 3, 5, 6, 8, 9, 11, 12, 14 of 20: 69 of 200
    found = [
        int(CircuitClassifier(**SMALL, class_weight=weight).fit(x, y).predict(x).sum())
        for weight in ({True: 1, False: 20}, None, "balanced", {True: 20})
    ]
    assert found[0] < found[1] < found[2] < found[3]  # right: shares above 20/21, 1/2, 0.345 and 1/21


# --- The regressor ----------------------------------------------------------------------------------------------------

DIABETES = load_diabetes(return_X_y=True)
FRIEDMAN = make_friedman1(300, noise=1.0, random_state=1)
FEW = {"tables": 100, "epochs": 30}


def predicted_by_the_circuit(model, features):
    (name,), (units,) = model.circuit_.output_names, simulate_values(model.circuit_, model.encoder_.inputs(features))
    exponent = int(name.removeprefix("y_e")) if name != "y" else 0
    return units / 10.0**-exponent if exponent < 0 else units * 10.0**exponent


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        (DIABETES, FEW),
        (FRIEDMAN, FEW | {"layers": 2, "encoding": "one_hot"}),
        ((np.rint(9 * FRIEDMAN[0]).astype(int), FRIEDMAN[1]), FEW | {"encoding": "bits", "validation_fraction": 0.2}),
        ((DIABETES[0], 1e15 * DIABETES[1]), FEW),
        ((DIABETES[0], 1e-15 * DIABETES[1] - 1e-9), FEW),
        ((DIABETES[0], DIABETES[1] + 1e17), FEW),
        ((DIABETES[0], np.full(len(DIABETES[1]), -2.5)), FEW),
        ((DIABETES[0], np.zeros(len(DIABETES[1]))), FEW),
        ((DIABETES[0], (DIABETES[1] > 140).astype(int)), FEW),
    ],
)
def test_predictions_are_the_units_that_the_circuit_says(data, settings):
    features, target = data
    model = CircuitRegressor(**settings).fit(features[::2], target[::2])
    found = model.predict(features)
    assert np.array_equal(predicted_by_the_circuit(model, features), found)
    assert abs(found.mean() - target.mean()) <= 0.2 * target.std() + 1e-12 * abs(target).max()
    assert np.ptp(target) == 0 or 100 <= model.weight_ < 1000 or abs(target).max() > 1e16
    model.partial_fit(features, target)
    assert np.array_equal(predicted_by_the_circuit(model, features), model.predict(features))


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_weight_and_bias_are_those_of_least_squares(share):
    x, y = DIABETES
    model = CircuitRegressor(**FEW, validation_fraction=share).fit(x, y)
    scores, out = model._scores(x), held_out(np.zeros(len(y), int), share, Key(0).fold("held out"))
    seen = out if share else ~out
    sums, unit = (scores[:, 1] - scores[:, 0])[seen], 10.0**model.exponent_
    slope = np.polyfit(sums, y[seen], 1)[0]
    slope = slope if share else (slope + y.std() / (0.16 * 100)) / 2
    assert abs(model.weight_ - slope / unit) <= 0.51
    assert abs(model.bias_ - (y[seen].mean() - slope * sums.mean()) / unit) <= 0.51


@pytest.mark.parametrize(("data", "least"), [(DIABETES, 0.40), (FRIEDMAN, 0.72)])
def test_targets_are_predicted_well(data, least):
    assert cross_val_score(CircuitRegressor(), *data, cv=3).mean() >= least  # of the forest: 0.40 and 0.72


def test_the_regressor_learns_from_parts():
    x, y = FRIEDMAN
    model = CircuitRegressor(**FEW)
    for k in range(60):
        model.partial_fit(x[k % 3 :: 3], y[k % 3 :: 3])
    assert model.n_iter_ == len(model.history_) == 60
    assert model.score(x, y) > 0.7
    assert set(model.history_[0]) == {"epoch", "loss", "validation", "flips", "swaps"}


def test_the_regressor_stops_and_keeps_the_best():
    x, y = DIABETES
    model = CircuitRegressor(tables=200, epochs=80, validation_fraction=0.25, patience=5).fit(x, y)
    seen = [row["validation"] for row in model.history_]
    assert model.n_iter_ == len(seen) < 80
    assert max(seen[-5:]) <= max(seen[:-5])
    out = held_out(np.zeros(len(y), int), 0.25, Key(0).fold("held out"))
    ticks = model._ticks(y[out])
    assert model._rating(model.network_, model.encoder_.codes(x[out]), ticks) == max(seen)


def test_the_regressor_works_with_scikit_learn():
    x, y = FRIEDMAN
    pipe = make_pipeline(MinMaxScaler(), CircuitRegressor(**FEW))
    search = GridSearchCV(pipe, {"circuitregressor__pins": [3, 4]}, cv=2, n_jobs=2).fit(x, y)
    assert search.best_score_ > 0.5
    model = CircuitRegressor(**FEW, random_state=3).fit(x, y)
    other = pickle.loads(pickle.dumps(model))  # noqa: S301  (our own bytes)
    assert np.array_equal(other.predict(x), model.predict(x))
    assert same_network(model, clone(model).set_params(n_jobs=2).fit(x, y))
    assert not same_network(model, CircuitRegressor(**FEW, random_state=4).fit(x, y))


@pytest.mark.parametrize("model", ["arithmetic", "auto"])
def test_a_form_is_found_where_there_is_one(model):
    x = Key(0).integers(200, (300, 4)) - 100
    y = 3.0 * x[:, 0] - 7 * x[:, 2] + 11
    found = CircuitRegressor(**FEW, model=model).fit(x[:150], y[:150])
    other = pickle.loads(pickle.dumps(found))  # noqa: S301  (our own bytes)
    assert found.form_ == "3*x0 - 7*x2 + 11"
    assert np.array_equal(found.predict(x), y) and np.array_equal(other.predict(x.astype(float)), y)
    assert np.array_equal(predicted_by_the_circuit(other, x), y)
    found.fit(x, y + Key(1).integers(100, 300)) if model == "auto" else found.set_params(model="tables").fit(x, y)
    assert found.form_ is None and np.array_equal(predicted_by_the_circuit(found, x), found.predict(x))


def test_a_form_needs_integers():
    x, y = FRIEDMAN
    assert CircuitRegressor(**FEW, model="auto").fit(x, y).form_ is None
    with pytest.raises(ModelError, match="no integers below"):
        CircuitRegressor(model="arithmetic").fit(x, y)
    with pytest.raises(ModelError, match="partial_fit: got the model 'arithmetic'"):
        CircuitRegressor(model="arithmetic").partial_fit(x, y)


def test_wrong_targets_are_told():
    x, y = DIABETES
    with pytest.raises(ModelError, match=r"target: got numbers up to 1e\+200, expected at most 1e\+100"):
        CircuitRegressor().fit(x, np.where(y > 300, 1e200, y))
    with pytest.raises(ValueError, match="NaN"):
        CircuitRegressor().fit(x, np.where(y > 300, np.nan, y))
    with pytest.raises(ModelError, match="holds out none"):
        CircuitRegressor(validation_fraction=0.001).fit(x, y)
    for name, value in (("spread", 0), ("spread", 1.5), ("pins", 7), ("patience", 3)):
        with pytest.raises(ModelError, match=f"^{name}: "):
            CircuitRegressor(**{name: value}).fit(x, y)
    with pytest.raises(NotFittedError):
        _ = CircuitRegressor().circuit_


# --- scikit-learn's ways ----------------------------------------------------------------------------------------------


def test_pipeline_search_and_cross_validation():
    pipe = make_pipeline(MinMaxScaler(), CircuitClassifier(**SMALL))
    search = GridSearchCV(pipe, {"circuitclassifier__pins": [3, 6]}, cv=3, n_jobs=2).fit(*IRIS)
    assert search.best_score_ > 0.9
    assert (cross_val_score(pipe, *IRIS, cv=3, n_jobs=2) == cross_val_score(pipe, *IRIS, cv=3)).all()


def test_pickle_round_trip():
    model = CircuitClassifier(**SMALL).fit(*IRIS)
    circuit = model.circuit_
    other = pickle.loads(pickle.dumps(model))  # noqa: S301  (our own bytes)
    assert (other.predict_proba(IRIS[0]) == model.predict_proba(IRIS[0])).all()
    assert other.circuit_ == circuit
    assert same_network(other.partial_fit(*IRIS), model.partial_fit(*IRIS))
    assert pickle.loads(pickle.dumps(clone(model))).get_params() == model.get_params()  # noqa: S301


def test_names_as_labels_and_probabilities():
    names = np.array(["setosa", "versicolor", "virginica"])[IRIS[1]]
    model = CircuitClassifier(**SMALL).fit(IRIS[0], names)
    shares, scores = model.predict_proba(IRIS[0]), model.decision_function(IRIS[0])
    assert set(model.predict(IRIS[0])) <= set(names)
    assert np.allclose(shares.sum(axis=1), 1)
    assert (model.classes_[shares.argmax(axis=1)] == model.predict(IRIS[0])).all()
    assert scores.shape == (150, 3)
    assert (scores == np.rint(scores)).all()
    assert scores.max() <= 30


# --- Determinism ------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_network_on_any_threads():
    first = CircuitClassifier(**SMALL, random_state=3).fit(*IRIS)
    for other in ({}, {"n_jobs": 2}, {"n_jobs": -1}):
        again = CircuitClassifier(**SMALL, random_state=3, **other).fit(*IRIS)
        assert same_network(first, again)
        assert first.history_ == again.history_ or np.isnan(again.history_[0]["validation"])
    assert not same_network(first, CircuitClassifier(**SMALL, random_state=4).fit(*IRIS))
    assert same_network(CircuitClassifier(**SMALL).fit(*IRIS), CircuitClassifier(**SMALL, random_state=0).fit(*IRIS))


def test_a_random_state_is_drawn_from():
    from sklearn.utils import check_random_state

    one, same = (CircuitClassifier(**SMALL, random_state=check_random_state(5)).fit(*IRIS) for _ in range(2))
    assert same_network(one, same)


# --- partial_fit, validation ------------------------------------------------------------------------------------------


def test_partial_fit_goes_on_from_the_counters():
    x, y = IRIS
    model = CircuitClassifier(**SMALL)
    scores = []
    for k in range(30):
        part = slice(k % 3, None, 3)
        assert model.partial_fit(x[part], y[part], classes=[0, 1, 2]) is model
        scores.append(model.score(x, y))
    assert (model.n_iter_, len(model.history_)) == (30, 30)
    assert scores[-1] > 0.93
    before = model.encoder_, model.network_.layers[0]
    model.partial_fit(x[:50], y[:50])
    after = model.network_.layers[0]
    assert model.encoder_ is before[0]
    assert all(map(np.array_equal, after.pins, before[1].pins))
    assert np.abs(after.counters.astype(int) - before[1].counters).max() <= 1
    assert (said_by_the_circuit(model, x) == model.predict(x)).all()


def test_partial_fit_goes_on_after_fit_and_fit_starts_anew():
    x, y = IRIS
    model = CircuitClassifier(**SMALL).fit(x, y)
    old = model.circuit_
    for _ in range(20):
        model.partial_fit(x[50:], 3 - y[50:])
    assert model.n_iter_ == 60
    assert model.circuit_ != old
    assert (said_by_the_circuit(model, x) == model.predict(x)).all()
    assert same_network(model.fit(x, y), CircuitClassifier(**SMALL).fit(x, y))
    assert model.n_iter_ == 40


def test_the_best_network_by_validation_is_kept():
    x, y = DIGITS
    model = CircuitClassifier(tables=100, epochs=60, validation_fraction=0.25, patience=6).fit(x, y)
    seen = [row["validation"] for row in model.history_]
    assert model.n_iter_ == len(seen) <= 60
    if len(seen) < 60:
        assert max(seen[-6:]) <= max(seen[:-6])
    out = held_out(y, 0.25, Key(0).fold("held out"))
    assert model.score(x[out], y[out]) == max(seen)


def test_a_share_of_each_class_is_held_out():
    labels = np.array([0] * 10 + [1] * 4 + [2])
    out = held_out(labels, 0.3, Key(1))
    assert np.bincount(labels[out], minlength=3).tolist() == [3, 1, 0]


# --- Settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "expected"),
    [([1, 1], [1, 1]), ([0.5, 1.5], [2, 6]), ([1000, 1e-4], [127, 0]), ([0, 2.0], [0, 1]), ([1, 2, 3], [2, 4, 6])],
)
def test_integer_weights(weights, expected):
    assert integer_weights(np.array(weights, float)).tolist() == expected


def test_weights_multiply_the_signal_and_saturate():
    features = np.arange(64)[:, None] % 4
    labels = (features[:, 0] > 1).astype(int)
    encoder, key = TabularEncoder.fit(features), Key(0)
    bank = encoder.comparisons(key, 1 << 16)
    network = make_network(
        bank,
        rows=2, classes=2, widths=[20], pins=2, bound=8, key=key,
    )  # fmt: skip

    def trained(weights, **more):
        settings = Settings(epochs=4, batch=64, **more)
        given = {"bank": bank, "key": key, "settings": settings, "weights": weights}
        return list(fit(network, encoder.codes(features), labels, **given))[-1].network.layers[0].counters

    assert np.array_equal(trained(None), trained(np.ones(64, int)))
    assert np.array_equal(trained(None, scale=127), trained(np.ones(64, int), scale=127))
    assert np.array_equal(trained(np.zeros(64, int)), network.layers[0].counters)
    assert np.array_equal(trained(np.full(64, 2), scale=1), trained(np.full(64, 127), scale=1))
    assert kernels.SIGNAL_LIMIT == 127
    for wrong in (np.ones(63, int), np.ones(64), np.full(64, -1), np.full(64, 128)):
        with pytest.raises(TrainError, match="weights"):
            trained(wrong)


def test_the_temperature_of_the_least_loss_is_found():
    scores = np.array([[3, 0], [0, 3], [3, 0], [3, 0]])
    tried = np.geomspace(0.1, 30, 200)
    # Three of four right, and one more of each class: the loss is least where exp(3 / t) = 2.
    assert abs(calibrated(scores, np.array([0, 1, 0, 1]), tried) - 3 / np.log(2)) < 0.1


@pytest.mark.parametrize("samples", [1, 10, 150, 1500, 60_000])
def test_sizes_are_settings(samples):
    size = sizes(samples, 784, 10)
    assert size.epochs * -(-samples // size.batch) >= 1000
    assert size.tables >= 10
    assert size.batch % 64 == 0
    assert 10 <= size.every <= 150
    assert sizes(samples, 784, 10, 20).tables == 20


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("tables", v) for v in (1, 2.5, "many", None, True)),
        *(("layers", v) for v in (0, "auto")),
        *(("pins", v) for v in (1, 7)),
        *(("bound", v) for v in (0, 129)),
        *(("epochs", v) for v in (0, "none")),
        *(("levels", v) for v in (0, 256)),
        *(("encoding", v) for v in ("ascii", None)),
        ("warps", "strong"),
        ("readout", 1),
        *(("image_shape", v) for v in (4, (2, 2, 1), (0, 4), (2, 3))),
        *(("rule", v) for v in ("adam", None)),
        *(("tau", v) for v in (0, "1", np.inf)),
        *(("scale", v) for v in (0, 128)),
        *(("swap", v) for v in (-0.1, 2, None)),
        *(("validation_fraction", v) for v in (1.0, -0.1, 0.001)),
        *(("patience", v) for v in (0, 3)),
        *(("class_weight", v) for v in ("even", {0: -1.0}, 3)),
        *(("random_state", v) for v in ("seed", 1.5)),
        *(("n_jobs", v) for v in (0, 1.5)),
    ],
)
def test_wrong_parameters_are_one_line(name, value):
    with pytest.raises(ModelError, match=name) as caught:
        CircuitClassifier(**{"tables": 30, "epochs": 1} | {name: value}).fit(*IRIS)
    assert "expected" in str(caught.value) or "give" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_parameter_is_checked():
    assert set(CHECKS) == set(CircuitClassifier().get_params()) | set(CircuitRegressor().get_params())


def test_wrong_data_is_told():
    x, y = IRIS
    with pytest.raises(ModelError, match="1 class"):
        CircuitClassifier().fit(x[:50], y[:50])
    with pytest.raises(DataError, match="constant"):
        CircuitClassifier().fit(np.ones((4, 2)), [0, 1, 0, 1])
    with pytest.raises(DataError, match="bytes"):
        CircuitClassifier(image_shape=(2, 2)).fit(-x, y)
    with pytest.raises(ValueError, match="NaN"):
        CircuitClassifier().fit(np.where(x > 7, np.nan, x), y)
    with pytest.raises(NotFittedError):
        _ = CircuitClassifier().circuit_
    with pytest.raises(ModelError, match="classes are missing"):
        CircuitClassifier().partial_fit(x, y)
    with pytest.raises(ModelError, match="balanced"):
        CircuitClassifier(class_weight="balanced").partial_fit(x, y, [0, 1, 2])
    with pytest.raises(ModelError, match="label"):
        CircuitClassifier().partial_fit(x, y, [0, 1])
    with pytest.raises(ModelError, match="as before"):
        CircuitClassifier(**SMALL).fit(x, y).partial_fit(x, y, [0, 1])


def test_without_scikit_learn_one_line_says_what_to_install():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import learn\n"
        "try: learn.CircuitClassifier\n"
        "except ImportError as error: sys.exit(0 if 'gatewright[sklearn]' in str(error) else 2)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
