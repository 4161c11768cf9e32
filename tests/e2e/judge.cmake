drover_e2e(judge 240 SLOTS 2)
