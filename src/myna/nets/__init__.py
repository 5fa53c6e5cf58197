"""Every network once: inference, training and export share it."""
