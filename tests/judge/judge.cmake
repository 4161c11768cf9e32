drover_test(judge/rule NEEDS judge)
