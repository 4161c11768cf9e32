drover_e2e(rank 120)
