drover_test(net/loop TIMEOUT 120 NEEDS net)
