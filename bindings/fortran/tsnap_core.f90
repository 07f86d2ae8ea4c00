! tsnap_core.f90 - all of tsnap that needs no MPI; programs without MPI use this module.
!
! Calls that can fail have `ierr` as their last argument: present, it is set to TSNAP_OK or a
! TSNAP_E_... and tsnap_error_message() has the text; absent, a failure ends the program with it.
module tsnap_core
  use tsnap_constants
  use tsnap_messages, only: tsnap_text, tsnap_error_message, tsnap_status_name, tsnap_phase_name, &
    tsnap_version
  use tsnap_watching, only: tsnap_watcher, tsnap_event
  use tsnap_settings, only: tsnap_config, tsnap_take_options, tsnap_restore_options, &
    tsnap_read_options, tsnap_copy_options, tsnap_gc_options
  use tsnap_interface, only: tsnap_box
  use tsnap_states, only: tsnap_state, tsnap_stateful, tsnap_state_create, tsnap_state_destroy, &
    tsnap_state_add, tsnap_state_add_as, tsnap_state_add_box, tsnap_state_add_sharded, &
    tsnap_state_add_boxes, tsnap_state_add_bytes, tsnap_state_set_coverage, &
    tsnap_state_set_attribute, tsnap_state_replicate, tsnap_state_add_stateful, &
    tsnap_state_add_rng, tsnap_state_remove
  use tsnap_contexts, only: tsnap_context, tsnap_request, tsnap_report, tsnap_statistics, &
    tsnap_context_open_self, tsnap_context_close, tsnap_context_statistics, tsnap_take, &
    tsnap_take_async, tsnap_restore, tsnap_restore_report, tsnap_request_test, &
    tsnap_request_wait, tsnap_request_cancel, tsnap_request_free
  use tsnap_snapshots, only: tsnap_snapshot, tsnap_snapshot_info, tsnap_object_info, &
    tsnap_extent_info, tsnap_copy_result, tsnap_gc_result, tsnap_snapshot_open, &
    tsnap_snapshot_open_all, tsnap_snapshot_close, tsnap_snapshot_info_get, &
    tsnap_snapshot_object, tsnap_snapshot_find, tsnap_snapshot_attribute, &
    tsnap_snapshot_attribute_at, tsnap_snapshot_extent, tsnap_snapshot_set_progress, &
    tsnap_snapshot_verify, tsnap_read, tsnap_read_as, tsnap_read_box, tsnap_read_text, &
    tsnap_read_bytes, tsnap_remove, tsnap_gc, tsnap_copy
  implicit none
end module
