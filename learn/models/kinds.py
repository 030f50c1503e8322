"""The kinds of networks there are, by name: MODELS is the table."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learn.errors import ModelError
from learn.keys import Key
from learn.models.convolution import Grid, pool, tree
from learn.models.lut_network import Bank, Layer, LutNetwork, make_network

STRIDE = 2
"""Pixels from one window of a convolution to the next."""
FEWEST_CHANNELS = 8


class Size(NamedTuple):
    """What a network is made for, and how large.

    Attributes:
        rows: of the encoder.
        classes: at least 2.
        tables: of each layer that is no part of a convolution; channels are chosen by it.
        pins: of a table.
        bound: counters live in -bound..bound-1.
        readout: one of READOUTS.
        image: pixels, height and width; None for features that are no image.
    """

    rows: int
    classes: int
    tables: int
    pins: int = 6
    bound: int = 32
    readout: str = "group_sum"
    image: tuple[int, int] | None = None


class Model(NamedTuple):
    """One row of the table of models.

    Attributes:
        about: what it is, for users.
        dense: layers whose tables stand alone.
        levels: of the trees of a convolution before them; 0 for none.
        tables_a_channel: dense tables for each channel of it.
        pool: one of POOLS behind it, or none.
    """

    about: str
    dense: int = 1
    levels: int = 0
    tables_a_channel: int = 0
    pool: str = ""

    @property
    def moves(self) -> bool:
        """Whether tables of the first layer see a window that is moved over an image."""
        return self.levels > 0


MODELS: dict[str, Model] = {
    "lut": Model("one layer of tables"),
    "deep": Model("two layers of tables", dense=2),
    "convolution": Model("tables moved over the image, and a layer", levels=1, tables_a_channel=32),
    "pool": Model("the same with fewer channels, ORs of 2 by 2 places and a layer", levels=1, tables_a_channel=100,
                  pool="or"),
    "tree": Model("trees of tables moved over the image, and a layer", levels=2, tables_a_channel=100),
}  # fmt: skip


def model_named(name: str, image: tuple[int, int] | None) -> Model:
    """Return a row of MODELS for images of some height and width, or for features that are none.

    Raises:
        ModelError: an unknown name, or a model of images for what is none.
    """
    model = MODELS.get(name)
    if model is None:
        raise ModelError(f"model: got {name!r}, expected one of {', '.join(MODELS)}")
    if model.moves and image is None:
        plain = [other for other, row in MODELS.items() if not row.moves]
        raise ModelError(f"model {name}: got features that are no image, expected images; or choose {', '.join(plain)}")
    return model


def window_of(image: tuple[int, int]) -> int:
    """Return how many pixels a side a convolution's tables see: a quarter of the shorter side, but at least 4."""
    return min(*image, max(4, min(image) // 4))


def window_shifts(image: tuple[int, int]) -> NDArray[np.int32]:
    """Return by how many rows the window is moved to each of its places."""
    return Grid(1, *image).slid(window_of(image), STRIDE)[1]


def build(name: str, bank: Bank, size: Size, *, key: Key) -> LutNetwork:
    """Make a network before training.

    Args:
        name: of MODELS.
        bank: what the pins of the first layer are drawn from, those of windows at their first place.
        size: what for, and how large.
        key: decides all of it.

    Raises:
        ModelError: as :func:`model_named`, or a setting out of range.
    """
    model, front = model_named(name, size.image), list[Layer]()
    if model.moves and size.image is not None:
        front, places = tree(
            bank,
            Grid(1, *size.image),
            channels=max(FEWEST_CHANNELS, size.tables // model.tables_a_channel),
            pins=size.pins,
            depth=model.levels,
            size=window_of(size.image),
            stride=STRIDE,
            bound=size.bound,
            key=key.fold("convolution"),
        )
        if model.pool:
            front.append(pool(places, function=model.pool)[0])
    return make_network(
        bank,
        rows=size.rows,
        classes=size.classes,
        widths=[size.tables] * model.dense,
        pins=size.pins,
        bound=size.bound,
        key=key,
        readout=size.readout,
        front=front,
    )
