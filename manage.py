#!/usr/bin/env python
"""The commands of the report server; `manage.py help` lists them."""

from reportserver.__main__ import main

if __name__ == "__main__":
    main()
