"""Memorisation told by the neurons: experiments of arXiv 2210.09404."""
