"""Run the models: numpy in, numpy out, whatever computes in between."""
