# End-to-end tests of the whole fleet; drover_e2e is in cmake/settings.cmake.
drover_e2e(same_end 400)
drover_e2e(methods_end 300)
drover_e2e(details 120)
