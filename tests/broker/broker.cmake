drover_library(broker_sim SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/broker/sim.c
  ${CMAKE_CURRENT_SOURCE_DIR}/broker/sim_net.c ${CMAKE_CURRENT_SOURCE_DIR}/broker/sim_learner.c
  ${CMAKE_CURRENT_SOURCE_DIR}/broker/sim_worker.c NEEDS broker)
drover_test(broker/sim NEEDS broker_sim TIMEOUT 120)
