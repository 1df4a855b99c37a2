"""What only a machine with a GPU can prove: `make gpu-check`, `siamla bench --gpu-check`."""
