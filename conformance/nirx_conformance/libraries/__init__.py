"""SNN libraries held to what nirx says of them: their own step, their importers, the bridges."""
