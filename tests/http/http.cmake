drover_test(http/guard NEEDS http)
drover_test(http/limiter NEEDS http)
drover_test(http/desk NEEDS http)
