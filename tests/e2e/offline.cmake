drover_e2e(offline 240 SLOTS 2)
