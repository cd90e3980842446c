"""Pictures: plots of recordings and comparisons (`nirx.plot`), and of networks (`nirx.show`)."""
