"""What `make bench` measures: the renderer, the reader, training and generation, the last two beside a peer."""
