"""One file per torch library: what each NIR neuron is in it, and what its neurons are in NIR."""
