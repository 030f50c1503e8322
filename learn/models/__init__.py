"""Parametrised circuits: integer parameters that rules step, and the circuit they stand for."""
