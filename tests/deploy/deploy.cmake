foreach(unit endpoint generate host hosts link links machine replica spec)
  drover_test(deploy/${unit} NEEDS deploy)
endforeach()
