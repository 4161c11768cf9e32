drover_test(learner/adapter NEEDS test_planned)
drover_test(learner/trainable NEEDS learner)
drover_test(learner/packed_base NEEDS learner)
drover_test(learner/optimizer_step NEEDS learner)
