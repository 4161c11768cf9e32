drover_e2e(annotate 60)
drover_e2e(annotate_full 60)
drover_e2e(annotate_backup 60)
drover_e2e(pairs 45)
