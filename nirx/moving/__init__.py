"""The parts of `nirx.move`: what is moved, on which input, and what each library makes of it."""
