"""How fast it is: one script per figure, `python -m bench` for all of them. README.md says what each one measures."""
