drover_test(learner/group NEEDS learner)
drover_test(learner/credit NEEDS learner TIMEOUT 120)
