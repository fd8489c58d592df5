"""When to trust stopping without held-out labels: every rule on tasks of many kinds."""
