foreach(unit actions combine judge kind_judge number prm reward rule verdict)
  drover_test(reward/${unit} NEEDS reward)
endforeach()
target_compile_definitions(test_reward_prm PRIVATE GOLDEN="${CMAKE_CURRENT_SOURCE_DIR}/golden/prm")
