drover_e2e(serve 60 SLOTS 2)
drover_e2e(follow 60 SLOTS 2)
