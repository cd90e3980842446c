"""SNN libraries, measured: their importers, nirx's bridges to them, and their own steps."""
