"""Scripts behind the README's figures, to run as `python -m benchmarks.digits` and so on."""
