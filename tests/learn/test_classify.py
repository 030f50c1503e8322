"""Classifiers end to end: labelled samples to a circuit, and what the circuit answers."""

import json
from dataclasses import replace

import numpy as np
import pytest

from circuits.formats import read_circuit, write
from circuits.rewrite import bit_blasted
from learn.classify import (
    Classifier,
    agreeing,
    classes_of,
    decimals,
    held_out,
    in_integers,
    learn_classifier,
    plan_for,
)
from learn.cli import app
from learn.data import Dataset
from learn.encoders import ENCODINGS, ImageEncoder, TabularEncoder
from learn.errors import DataError, ModelError, TrainError
from learn.keys import Key
from learn.train import Settings, default_tau


def bands(samples: int = 600, *, scale: float = 1.0, seed: int = 0) -> Dataset:
    """Return three classes told apart by two of four features."""
    draws = Key(seed, ("bands",)).integers(41, (samples, 4)) - 20
    labels = (draws[:, 0] > 0).astype(np.int64) + (draws[:, 1] > 5)
    features = draws * scale if scale != 1 else draws
    return Dataset("bands", features, labels, ("a", "b", "c", "d"), ("low", "mid", "high"))


def trained(dataset: Dataset, *, tables: int = 60, epochs: int = 12, seed: int = 0, threads: int = 1) -> Classifier:
    plan = plan_for(dataset, tables=tables)._replace(settings=Settings(epochs=epochs, batch=64))
    *_, last = learn_classifier(dataset, key=Key(seed), plan=plan, threads=threads)
    assert last.event.epoch == epochs
    return last.classifier


def test_a_classifier_learns_and_its_circuit_answers_alike():
    dataset, fresh = bands(), bands(seed=1)
    classifier = trained(dataset)
    assert (classifier.predict(fresh.features) == fresh.labels).mean() > 0.9
    circuit = classifier.circuit()
    assert agreeing(circuit, classifier, fresh.features, Key(0), 2000) == 2600
    assert np.array_equal(classes_of(circuit, fresh.features), classifier.predict(fresh.features))
    assert np.array_equal(classes_of(bit_blasted(circuit), fresh.features), classifier.predict(fresh.features))


def test_the_same_key_gives_the_same_classifier_on_any_number_of_threads():
    networks = [trained(bands(), epochs=3, threads=threads).network for threads in (1, 2, 3)]
    for other in networks[1:]:
        assert np.array_equal(networks[0].layers[0].counters, other.layers[0].counters)
        assert all(np.array_equal(a, b) for a, b in zip(networks[0].layers[0].pins, other.layers[0].pins, strict=True))
    different = trained(bands(), epochs=3, seed=1).network
    assert not np.array_equal(networks[0].layers[0].counters, different.layers[0].counters)


def test_decimal_features_become_integers_whose_names_tell_the_unit(tmp_path):
    dataset = bands(scale=0.1)
    whole, names = in_integers(dataset)
    assert names == ("a_e-1", "b_e-1", "c_e-1", "d_e-1")
    assert np.array_equal(whole, np.rint(dataset.features * 10))
    classifier = trained(dataset, epochs=4)
    wanted = classifier.predict(whole)
    for suffix in (".json", ".aig", ".blif"):
        file = tmp_path / f"bands{suffix}"
        write(classifier.circuit(), file)
        assert np.array_equal(classes_of(read_circuit(file), dataset.features), wanted)


def test_decimals_are_the_fewest_that_hold_every_number():
    assert decimals(np.array([1.0, -2.0])) == 0
    assert decimals(np.array([0.25, 1.5])) == 2
    with pytest.raises(DataError, match="more than 9 decimals"):
        decimals(np.array([1 / 3]))


def test_held_out_samples_are_a_share_of_every_class():
    labels = np.repeat([0, 1, 2], [500, 300, 200])
    apart = held_out(labels, 0.2, Key(0))
    assert [int(apart[labels == c].sum()) for c in range(3)] == [100, 60, 40]
    many = held_out(np.repeat([0, 1], 5000), 0.1, Key(0))
    assert many.sum() == 1000
    assert not np.array_equal(apart, held_out(labels, 0.2, Key(1)))


def test_images_are_planned_with_warps_and_tables_with_the_time():
    pixels = Key(0).integers(256, (2000, 16)).astype(np.uint8)
    names = tuple(f"p{k}" for k in range(16))
    images = Dataset("dots", pixels, np.arange(2000) % 2, names, ("no", "yes"), (4, 4))
    assert plan_for(images, seconds=10).warps == "shift"
    assert plan_for(images, seconds=100).tables > plan_for(images, seconds=10).tables
    assert plan_for(bands()).warps == "none"
    plan = plan_for(images, tables=40)._replace(settings=Settings(epochs=1), warps="small")
    (only,) = learn_classifier(images, key=Key(0), plan=plan)
    assert agreeing(only.classifier.circuit(), only.classifier, pixels.astype(np.int64)[:500], Key(1), 100) == 600


def test_seconds_are_turned_into_passes():
    plan = plan_for(bands(), tables=30)._replace(settings=Settings(batch=64))
    *_, last = learn_classifier(bands(), key=Key(0), plan=plan, seconds=0.2)
    assert last.event.epoch >= 2


def test_softness_multiplies_the_unit_of_the_scores():
    def made(tau, softness):
        settings = Settings(epochs=3, batch=64, tau=tau)
        plan = plan_for(bands(), tables=40)._replace(settings=settings, softness=softness)
        *_, last = learn_classifier(bands(), key=Key(0), plan=plan)
        return last.classifier.network.layers[0].counters

    assert np.array_equal(made(3.0, 1.0), made(1.5, 2.0)) and not np.array_equal(made(3.0, 1.0), made(1.5, 1.0))
    assert np.array_equal(made(None, 1.0), made(default_tau(40 / 3), 1.0))
    for wrong in (0.0, 17.0, float("nan")):
        with pytest.raises(TrainError, match=rf"^softness: got {wrong}, expected 0.0625..16$"):
            made(None, wrong)


def test_what_does_not_fit_is_named():
    classifier = trained(bands(), epochs=1)
    circuit = classifier.circuit()
    with pytest.raises(DataError, match="reads 4 features"):
        classes_of(circuit, np.zeros((3, 5)))
    with pytest.raises(DataError, match="expected the class"):
        classes_of(circuit.renamed(outputs=["y"]), np.zeros((3, 4)))
    with pytest.raises(TrainError, match="expected enough to hold some out"):
        list(learn_classifier(bands(2), key=Key(0), plan=plan_for(bands())))
    other = replace(classifier, network=trained(bands(), epochs=2, seed=3).network)
    with pytest.raises(TrainError, match="differs from the model"):
        agreeing(circuit, other, bands().features, Key(0), 100)


def csv_of(dataset: Dataset, path) -> str:
    names = ",".join([*dataset.feature_names, "band"])
    rows = [
        ",".join([*map(str, row.tolist()), dataset.class_names[label]])
        for row, label in zip(dataset.features, dataset.labels.tolist(), strict=True)
    ]
    path.write_text("\n".join([names, *rows]) + "\n")
    return str(path)


@pytest.fixture
def run(capsys):
    def run(*arguments, status=0):
        with pytest.raises(SystemExit) as exit_:
            app([str(a) for a in arguments], prog_name="gatewright")
        captured = capsys.readouterr()
        assert (exit_.value.code or 0) == status, captured.err
        return json.loads(captured.out) if "--json" in arguments else captured.err

    return run


def test_the_command_line_learns_from_csv_and_evaluates(run, tmp_path):
    data, target = csv_of(bands(), tmp_path / "bands.csv"), tmp_path / "bands.json"
    how = ("--steps", 6, "--tables", 60, "--json")
    facts = run("learn", data, "-o", target, "-o", tmp_path / "bands.v", *how)
    assert (facts["classes"], facts["tables"], facts["steps"]) == (3, 60, 6)
    assert facts["accuracy"] > 0.8
    assert facts["compared"] == 600 + 100_000
    assert facts["accuracy"] >= facts["accuracy_trained"]
    assert facts["reread"] == [str(target)]  # words in Verilog are only written
    assert facts["ands"] > facts["without_encoder"]["ands"] > 0
    assert facts["luts6"] > facts["without_encoder"]["luts6"] > 0
    assert 0 < facts["pins"] <= facts["pins_trained"] == 360
    score = run("eval", target, data, "--split", "all", "--json")
    assert score["patterns"] == 600
    assert score["accuracy"] > 0.8
    again = run("learn", data, "-o", tmp_path / "again.json", *how, "--threads", 1, "--quiet")
    assert (tmp_path / "again.json").read_bytes() == target.read_bytes()
    assert again["accuracy"] == facts["accuracy"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_encoding_is_chosen_on_the_command_line(run, tmp_path, encoding):
    target = tmp_path / "monk.json"
    how = ("--encoding", encoding, "--steps", 30, "--tables", 40, "--quiet", "--json")
    facts = run("learn", "monk1", "-o", target, *how)
    assert facts["compared"] > 100_000
    operations = {op for op, _, _ in read_circuit(target).gates()}
    assert ("slice" in operations) == (encoding in ("bits", "gray"))
    assert ("threshold" in operations) == (encoding in ("quantile", "uniform", "one_hot"))


def test_a_model_of_images_and_a_readout(run, tmp_path, monkeypatch):
    draws = Key(0).integers(256, (2000, 12, 12)).astype(np.uint8) // 2
    labels = np.arange(2000) % 2
    draws[labels == 1, 3:9] += 100
    names = tuple(f"p{k}" for k in range(144))
    images = Dataset("dots", draws.reshape(2000, -1), labels, names, ("no", "yes"), (12, 12))
    plan = plan_for(images, tables=40)._replace(
        settings=Settings(epochs=2), warps="small", model="tree", readout="weighted_sum"
    )
    *_, last = learn_classifier(images, key=Key(0), plan=plan, threads=2)
    assert last.event.validation > 0.9 and last.classifier.network.head.name == "weighted_sum"
    assert agreeing(last.classifier.circuit(), last.classifier, images.features[:300], Key(1), 100) == 400
    with pytest.raises(ModelError, match=r"^model tree: got features that are no image"):
        list(learn_classifier(bands(), key=Key(0), plan=plan_for(bands())._replace(model="tree")))


def test_the_command_line_knows_models_and_readouts(run, tmp_path):
    data, how = csv_of(bands(), tmp_path / "bands.csv"), ("--steps", 3, "--tables", 60, "--quiet")
    facts = run("learn", data, "--model", "deep", "--readout", "one_vs_rest", *how, "--json")
    assert (facts["model"], facts["readout"], facts["tables"]) == ("deep", "one_vs_rest", 120)
    assert "expected one of group_sum" in run("learn", data, "--readout", "sum", *how, status=2)
    assert "expected images" in run("learn", data, "--model", "convolution", *how, status=2)


def test_images_are_encoded_as_a_table_when_that_is_asked_for():
    pixels = Key(0).integers(256, (200, 16)).astype(np.uint8)
    names = tuple(f"p{k}" for k in range(16))
    images = Dataset("dots", pixels, np.arange(200) % 2, names, ("no", "yes"), (4, 4))
    for encoding, kind in ((None, ImageEncoder), ("gray", TabularEncoder)):
        plan = plan_for(images, tables=40)._replace(settings=Settings(epochs=1), encoding=encoding)
        (only,) = learn_classifier(images, key=Key(0), plan=plan)
        assert isinstance(only.classifier.encoder, kind)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("iris.csv", "wine.csv"), "expected one data set"),
        (("missing.csv",), "missing.csv"),
        (("mnist",), "data"),
        (("bands.csv", "--steps", 3, "--seconds", 3), "got both"),
        (("monk1", "--steps", 3, "--encoding", "ascii"), "encoding: got 'ascii', expected one of quantile, uniform"),
    ],
)
def test_the_command_line_says_what_is_wrong_with_labelled_data(run, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    err = run("learn", *arguments, status=2)
    assert said in err
    assert err.startswith("gatewright: error: ") and err.count("\n") == 1
