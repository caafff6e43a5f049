"""Suites: what a sweep wants, from a YAML file or from options, checked as a whole before anything runs."""
