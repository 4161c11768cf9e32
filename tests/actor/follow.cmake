drover_test(follow/rebuild NEEDS follow)
drover_test(follow/newest NEEDS follow)
