"""What the examples share: data sets, models and records."""
