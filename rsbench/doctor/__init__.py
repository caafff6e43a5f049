"""What `rsbench doctor` looks at: the installation, the machine and the folders, each with its remedy.

A module here checks one area and yields lines (``rsbench.doctor.line``); ``rsbench.doctor.checks`` puts them in order.
Nothing is repaired and nothing is left behind.
"""
