"""The verb ``learn`` on labelled samples: a classifier is trained, its circuit compared with it, and written."""

from __future__ import annotations

import math
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learn.console import (
    AUTO,
    check_kept,
    complain,
    conclude,
    cores,
    keep,
    learn_command,
    note,
    noun,
    rate,
    stop_signals,
    told_files,
    told_trends,
    wants_log,
)
from learn.console import progress as _progress

if TYPE_CHECKING:
    from learn.shipping import Size
    from learn.train import Event

CLASSIFIER_SECONDS = 60.0
RANDOM_INPUTS = 100_000
CHOICE = "chosen"  # the word in a checkpoint before what trials have chosen
PULSE, SAVING = 0.5, 30.0  # seconds between two looks at a training, and between two checkpoints of it


def _say_training(event: Event) -> str:
    """Return the state of a training in one line."""
    held_out = f"{event.validation:.2%}" if event.history else "-"
    return (
        f"pass {event.epoch}  loss {event.loss:.4f}  training {event.accuracy:.2%}  held out {held_out}"
        f"  flips {'/'.join(f'{count:,}' for count in event.flips)}  swapped pins {event.swaps:,}"
        f"  samples {rate(round(event.samples_per_second), 1.0)}"
    )


def _size(size: Size) -> str:
    """Say how large a circuit is."""
    return f"{noun(size.luts6, '6-LUT')}, {noun(size.ands, 'AND node')}, {noun(size.levels, 'level')}"


def _resumed(checkpoint: Path, about: str) -> tuple[Any, str]:
    """Return the state in a checkpoint, which must be of the training that is asked for, and what that had chosen."""
    from learn import checkpoint as files
    from learn.errors import CheckpointError

    state, found = files.load(checkpoint)
    before, now = (set(words.splitlines()) for words in (found, about))
    choice = next((line.removeprefix(f"{CHOICE} ") for line in before if line.startswith(f"{CHOICE} ")), "")
    before -= {f"{CHOICE} {choice}"}
    if before != now:
        raise CheckpointError(
            f"{checkpoint}: is of another training: {', '.join(sorted(before - now))} there, "
            f"{', '.join(sorted(now - before))} here; delete it or give another file"
        )
    return state, choice


def learn_samples(
    names: list[str],
    outputs: list[Path],
    *,
    model: str,
    readout: str | None,
    data_dir: Path | None,
    label: str | None,
    tables: int | None,
    pins: int | None,
    comparisons: int | None,
    warps: str | None,
    softness: float | None,
    encoding: str | None,
    rule: str,
    checkpoint: Path | None,
    slack: float,
    seconds: float | None,
    steps: int | None,
    seed: int,
    threads: int | None,
    as_json: bool,
    quiet: bool,
    log: Path | None,
    report: Path | None,
) -> int:
    """Train a classifier, compare its circuit with the model, write it and report; return the exit status."""
    from contextlib import suppress
    from dataclasses import replace

    import numpy as np

    from circuits.order import statistics
    from learn import checkpoint as files
    from learn.choose import USUAL, alternatives, chosen, trials
    from learn.classify import classes_of, in_integers, learn_classifier, plan_for, samples_apart, words_of
    from learn.data import DATASETS, load_dataset
    from learn.errors import CheckpointError, DataError, TrainError
    from learn.keys import Key
    from learn.outputs import check_outputs, write_all
    from learn.report import Log, confusion, frames
    from learn.shipping import proved, reread, ship

    if len(names) != 1:
        raise TrainError(f"labelled data: got {len(names)} names, expected one data set or file")
    if seconds is not None and steps is not None:
        raise TrainError("--seconds and --steps: got both, expected one of them")
    check_outputs(outputs)
    check_kept(log, report, outputs)
    split = "train" if names[0] in DATASETS else "all"  # the test split is for eval; a file is the user's to split
    dataset = load_dataset(names[0], split=split, data_dir=data_dir, label=label)
    given = seconds if seconds is not None else None if steps else CLASSIFIER_SECONDS
    asked: dict[str, Any] = {
        "model": None if model == AUTO else model,
        "readout": readout,
        "warps": warps,
        "softness": softness,
        "encoding": encoding,
        "pins": pins,
        "comparisons": comparisons,
    }
    fixed = {name: value for name, value in asked.items() if value is not None}
    plan = plan_for(dataset, seconds=given or CLASSIFIER_SECONDS, tables=tables)._replace(**fixed)
    plan = plan._replace(settings=replace(plan.settings, rule=rule, epochs=steps or plan.settings.epochs))
    workers = threads if threads is not None else cores()
    told = {"data": names[0], "seed": seed, "steps": steps, "rule": rule, **plan._asdict()}
    about = "\n".join(f"{name} {value}" for name, value in told.items() if name != "settings")
    plans = alternatives(dataset, plan, fixed)
    progress, saved, tried, choice = None, -math.inf, [], USUAL
    with stop_signals() as stops, _progress(_say_training, lambda event: (event.step, event.steps), quiet) as show:
        resume = None
        if checkpoint is not None and checkpoint.exists():
            resume, choice = _resumed(checkpoint, about)
        elif given is not None and len(plans) > 1:
            for trial in trials(dataset, plans, key=Key(seed), seconds=given, threads=workers):
                tried.append(trial)
                if not quiet:
                    note(trial.seconds, f"tried {trial.name}: {trial.right.mean():.2%} right")
                if stops:
                    break
            choice = chosen(tried, plans)
        if choice not in plans:
            raise CheckpointError(f"{checkpoint}: is of a training that chose {choice!r}, which is unknown here")
        plan = plans[choice]
        left = None if given is None else given - (tried[-1].seconds if tried else 0)
        for progress in learn_classifier(
            dataset, key=Key(seed), plan=plan, seconds=left, threads=workers, pulse=PULSE, resume=resume
        ):
            event = progress.event
            show(event)
            over = bool(stops) or event.step == event.steps
            if checkpoint is not None and (over or time.monotonic() - saved >= SAVING):
                files.save(checkpoint, event.state(), about=f"{about}\n{CHOICE} {choice}")
                saved = time.monotonic()
            if stops:
                break
    if progress is None:
        raise TrainError(f"{dataset.name}: the training ended before its first pass; give it more time")
    event, classifier = progress
    interrupted = event.step < event.steps
    if interrupted:
        classifier = replace(classifier, network=event.best)
        complain(f"interrupted in pass {event.epoch}: going on with the best network so far")
    key, (whole, _) = Key(seed), in_integers(dataset)
    took = [time.monotonic()]
    shipment = ship(classifier, whole, dataset.labels, samples_apart(dataset, key), slack / 100)
    took.append(time.monotonic())
    seen = whole
    if names[0] in DATASETS:
        with suppress(DataError):  # the files of the test split need not be there
            unseen = load_dataset(names[0], split="test", data_dir=data_dir).features
            seen = np.concatenate([whole, words_of(shipment.circuit, unseen)])
    compared = proved(shipment, seen, key.fold("proof"), RANDOM_INPUTS)
    took.append(time.monotonic())
    circuit, filling, size, alone = shipment.circuit, shipment.filling, shipment.size, shipment.size_without
    moments, more = Log(), []
    moments.note_passes(event.history)
    if wants_log(log, report, outputs):
        apart = samples_apart(dataset, key)
        more.append(confusion(dataset.labels[apart], classes_of(circuit, dataset.features[apart]), dataset.class_names))
        moments[-1] = moments[-1]._replace(confusion=more[0].series)
    written = write_all(circuit, outputs, bits=shipment.bits, frames=frames(moments))
    again = [path for path in written if reread(shipment, path, seen, key.fold("proof"), RANDOM_INPUTS)]
    took.append(time.monotonic())
    phases = dict(zip(("shrinking", "comparing", "writing"), (b - a for a, b in pairwise(took)), strict=True))
    options: dict[str, Any] = {"tables": plan.tables, "steps": event.epoch, "seed": seed}
    options |= fixed | ({} if rule == "vote" else {"rule": rule})
    options |= dict(part.split("=") for part in choice.split() if part != USUAL)
    replay = " ".join(f"--{name} {value}" for name, value in options.items())
    facts = {
        "data": names,
        "model": plan.model,
        "readout": plan.readout,
        "chosen": choice,
        "tried": {name: [round(float(t.right.mean()), 6) for t in tried if t.name == name] for name in plans},
        "samples": dataset.num_samples,
        "features": dataset.num_features,
        "classes": dataset.num_classes,
        "tables": classifier.network.num_tables,
        "accuracy": filling.accuracy,
        "accuracy_trained": filling.accuracy_before,
        "training_accuracy": event.accuracy,
        "dont_cares": filling.unreached,
        "share": filling.share,
        "pins": filling.pins,
        "pins_trained": filling.pins_before,
        "steps": event.epoch,
        "seconds": round(event.seconds, 3),
        "gates": statistics(circuit)["gates"],
        **size._asdict(),
        "without_encoder": alone._asdict(),
        "seed": seed,
        "threads": workers,
        "rule": rule,
        "history": [each._asdict() for each in event.history],
        "compared": compared,
        "reread": [str(path) for path in again],
        "phases": {name: round(spent, 3) for name, spent in phases.items()},
        "interrupted": interrupted,
    }
    given_options = {"data-dir": data_dir, "label": label}
    repeat = learn_command(names, {**{name: v for name, v in given_options.items() if v is not None}, **options})
    written += keep(log, report, moments, dataset.name, facts, circuit, repeat, more)
    facts["written"] = [str(path) for path in written]
    proof = f"the circuit equals the model on {compared:,} inputs"
    spent = ", ".join(f"{name} {s:.1f}" for name, s in {"training": event.seconds, **phases}.items())
    end = f"pass {event.epoch} ended after {event.seconds:.1f} s; replay with {replay}"
    if interrupted:
        end = f"interrupted in pass {event.epoch} after {event.seconds:.1f} s"
        end += f"; the same command goes on from {checkpoint}" if checkpoint else ""
    summary = [
        (
            "data",
            f"{dataset.name}: {noun(dataset.num_samples, 'sample')}, {noun(dataset.num_features, 'feature')}, "
            f"{dataset.num_classes} classes",
        ),
        (
            "accuracy",
            f"{filling.accuracy:.2%} of the held-out samples right ({filling.accuracy_before:.2%} before don't-cares "
            f"were filled); {noun(facts['tables'], 'look-up table')}",
        ),
        (
            "size",
            f"with the encoder {_size(size)}; without it, from {noun(alone.inputs, 'bit')}, {_size(alone)}",
        ),
        ("proof", proof + (f"; read back: {', '.join(map(str, again))}" if again else "")),
        ("time", f"seconds: {spent}"),
        ("", end),
    ]
    conclude(facts, as_json, quiet, summary + told_trends(moments) + told_files(written))
    return 0
