"""The standing oracle: random tables through every source and format, read back by two other programs.

`make fidelity` runs it for as many cases as asked; test_oracle.py runs a short part. `expectations` says what each
format promises for each type; docs/formats.md is checked against it.
"""
