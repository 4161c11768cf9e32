drover_test(learner/group NEEDS learner)
drover_test(learner/credit NEEDS learner TIMEOUT 120)
drover_test(learner/picks NEEDS learner)
drover_test(learner/fleet_keys NEEDS learner)
