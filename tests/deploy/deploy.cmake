drover_test(deploy/process NEEDS deploy)
