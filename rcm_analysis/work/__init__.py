"""The work queue: what there is to do, for whom, by when and worth what; it computes no chance and reads no file."""
