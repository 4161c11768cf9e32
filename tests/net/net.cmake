drover_test(net/loop TIMEOUT 120 NEEDS net)
drover_test(net/child NEEDS net)
