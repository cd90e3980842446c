"""A small recurrent spiking network that reads handwritten digits, run on every backend."""
