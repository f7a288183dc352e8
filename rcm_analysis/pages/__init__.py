"""What a page says: blocks, columns, sentences. Computes no figure."""
