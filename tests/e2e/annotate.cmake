drover_e2e(annotate 60)
