drover_e2e(filter 120 SLOTS 2)
