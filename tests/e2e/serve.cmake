drover_e2e(serve 60 SLOTS 2)
