! tsnap_interface.f90 - the C interface as Fortran sees it: its structs (c_tsnap_...) and functions.
!
! For the modules of the binding alone; users see none of it. A test compares each struct, member and
! function with the headers. What takes arrays goes through the C files beside this one (descriptor.h).
module tsnap_interface
  use, intrinsic :: iso_c_binding
  use tsnap_constants, only: TSNAP_MAX_DIMS, TSNAP_PHASE_LIMIT
  implicit none

  ! struct_size is set by whoever fills one (c_sizeof).
  type, bind(C) :: c_tsnap_array
    integer(c_size_t) :: struct_size = 0
    integer(c_int32_t) :: dtype = 0
    integer(c_int32_t) :: ndim = 0
    integer(c_int64_t) :: shape(TSNAP_MAX_DIMS) = 0
    integer(c_int64_t) :: strides_bytes(TSNAP_MAX_DIMS) = 0
    type(c_ptr) :: data = c_null_ptr
    integer(c_int64_t) :: item_bytes = 0
    integer(c_int64_t) :: offset(TSNAP_MAX_DIMS) = 0
  end type

  type, bind(C) :: c_tsnap_config
    integer(c_size_t) :: struct_size = 0
    integer(c_int64_t) :: memory_budget_bytes = 0
    integer(c_int32_t) :: io_concurrency = 0
    integer(c_int32_t) :: staging_threads = 0
    real(c_double) :: collective_timeout_seconds = 0.0_c_double
    real(c_double) :: io_timeout_seconds = 0.0_c_double
    integer(c_int32_t) :: direct_io = 0
    integer(c_int32_t) :: log_level = 0
    type(c_funptr) :: log = c_null_funptr
    type(c_ptr) :: log_user = c_null_ptr
    type(c_ptr) :: s3_endpoint = c_null_ptr
    type(c_ptr) :: s3_region = c_null_ptr
    type(c_ptr) :: s3_access_key = c_null_ptr
    type(c_ptr) :: s3_secret_key = c_null_ptr
    type(c_ptr) :: s3_session_token = c_null_ptr
    type(c_ptr) :: ca_file = c_null_ptr
    integer(c_int64_t) :: staging_prefault_bytes = 0
    type(c_ptr) :: trace = c_null_ptr
    type(c_funptr) :: event = c_null_funptr
    type(c_ptr) :: event_user = c_null_ptr
    integer(c_int32_t) :: gpu_direct_storage = 0
    integer(c_int32_t) :: reserved = 0
  end type

  type, bind(C) :: c_tsnap_copy_options
    integer(c_size_t) :: struct_size = 0
    integer(c_int32_t) :: overwrite = 0
    integer(c_int32_t) :: verify = 0
    type(c_funptr) :: progress = c_null_funptr
    type(c_ptr) :: progress_user = c_null_ptr
  end type

  type, bind(C) :: c_tsnap_copy_result
    integer(c_size_t) :: struct_size = 0
    integer(c_int64_t) :: objects_copied = 0
    integer(c_int64_t) :: objects_skipped = 0
    integer(c_int64_t) :: bytes_copied = 0
    integer(c_int64_t) :: bytes_skipped = 0
    integer(c_int32_t) :: server_side = 0
    integer(c_int32_t) :: reserved = 0
  end type

  type, bind(C) :: c_tsnap_event
    integer(c_size_t) :: struct_size = 0
    integer(c_int64_t) :: operation_number = 0
    integer(c_int32_t) :: operation = 0
    integer(c_int32_t) :: phase = 0
    integer(c_int32_t) :: is_end = 0
    integer(c_int32_t) :: status = 0
    integer(c_int64_t) :: unix_nanoseconds = 0
    real(c_double) :: seconds = 0.0_c_double
    integer(c_int64_t) :: bytes = 0
  end type

  type, bind(C) :: c_tsnap_restore_options
    integer(c_size_t) :: struct_size = 0
    integer(c_int32_t) :: strict = 0
    integer(c_int32_t) :: new_ranks = 0
    integer(c_int32_t) :: lost_ranks = 0
    integer(c_int32_t) :: verify = 0
    type(c_funptr) :: progress = c_null_funptr
    type(c_ptr) :: progress_user = c_null_ptr
    type(c_ptr) :: cuda_stream = c_null_ptr
  end type

  type, bind(C) :: c_tsnap_report
    integer(c_size_t) :: struct_size = 0
    integer(c_size_t) :: missing_count = 0
    integer(c_size_t) :: unexpected_count = 0
    integer(c_size_t) :: mismatched_count = 0
    integer(c_size_t) :: not_restored_count = 0
    type(c_ptr) :: missing = c_null_ptr
    type(c_ptr) :: unexpected = c_null_ptr
    type(c_ptr) :: mismatched = c_null_ptr
    type(c_ptr) :: not_restored = c_null_ptr
  end type

  type, bind(C) :: c_tsnap_snapshot_info
    integer(c_size_t) :: struct_size = 0
    type(c_ptr) :: id = c_null_ptr
    type(c_ptr) :: metadata = c_null_ptr
    type(c_ptr) :: library_version = c_null_ptr
    type(c_ptr) :: format = c_null_ptr
    integer(c_int64_t) :: created_unix_seconds = 0
    integer(c_int64_t) :: world_size = 0
    integer(c_int64_t) :: object_count = 0
    integer(c_int64_t) :: bytes = 0
    integer(c_int64_t) :: stored_bytes = 0
  end type

  type, bind(C) :: c_tsnap_object_info
    integer(c_size_t) :: struct_size = 0
    type(c_ptr) :: path = c_null_ptr
    integer(c_int32_t) :: type = 0
    integer(c_int32_t) :: kind = 0
    integer(c_int32_t) :: dtype = 0
    integer(c_int32_t) :: ndim = 0
    integer(c_int64_t) :: rank = 0
    integer(c_int64_t) :: shape(TSNAP_MAX_DIMS) = 0
    integer(c_int64_t) :: item_bytes = 0
    integer(c_int64_t) :: bytes = 0
    integer(c_int64_t) :: stored_bytes = 0
    integer(c_int64_t) :: box_count = 0
  end type

  type, bind(C) :: c_tsnap_extent_info
    integer(c_size_t) :: struct_size = 0
    type(c_ptr) :: file = c_null_ptr
    integer(c_int64_t) :: writer = 0
    integer(c_int64_t) :: offset_bytes = 0
    integer(c_int64_t) :: stored_bytes = 0
    integer(c_int64_t) :: bytes = 0
    integer(c_int32_t) :: codec = 0
    integer(c_int32_t) :: ndim = 0
    integer(c_int64_t) :: box_offset(TSNAP_MAX_DIMS) = 0
    integer(c_int64_t) :: box_shape(TSNAP_MAX_DIMS) = 0
  end type

  type, bind(C) :: c_tsnap_read_options
    integer(c_size_t) :: struct_size = 0
    integer(c_int64_t) :: memory_budget_bytes = 0
    integer(c_int32_t) :: verify = 0
    integer(c_int32_t) :: reserved = 0
    type(c_ptr) :: cuda_stream = c_null_ptr
  end type

  type, bind(C) :: c_tsnap_gc_options
    integer(c_size_t) :: struct_size = 0
    real(c_double) :: min_age_seconds = 0.0_c_double
    integer(c_int32_t) :: dry_run = 0
    integer(c_int32_t) :: reserved = 0
    type(c_funptr) :: removed = c_null_funptr
    type(c_ptr) :: removed_user = c_null_ptr
  end type

  type, bind(C) :: c_tsnap_gc_result
    integer(c_size_t) :: struct_size = 0
    integer(c_int64_t) :: takes_removed = 0
    integer(c_int64_t) :: takes_kept = 0
    integer(c_int64_t) :: bytes_removed = 0
  end type

  type, bind(C) :: c_tsnap_stateful
    integer(c_size_t) :: struct_size = 0
    type(c_funptr) :: describe = c_null_funptr
    type(c_funptr) :: loaded = c_null_funptr
    type(c_funptr) :: release = c_null_funptr
    type(c_ptr) :: user = c_null_ptr
  end type

  type, bind(C) :: c_tsnap_statistics
    integer(c_size_t) :: struct_size = 0
    integer(c_int64_t) :: operation_number = 0
    integer(c_int32_t) :: operation = 0
    integer(c_int32_t) :: status = 0
    integer(c_int32_t) :: plan_reused = 0
    integer(c_int32_t) :: reserved = 0
    real(c_double) :: seconds = 0.0_c_double
    real(c_double) :: blocked_seconds = 0.0_c_double
    real(c_double) :: budget_wait_seconds = 0.0_c_double
    real(c_double) :: rank_wait_seconds = 0.0_c_double
    integer(c_int64_t) :: bytes = 0
    integer(c_int64_t) :: stored_bytes = 0
    integer(c_int64_t) :: over_budget_bytes = 0
    integer(c_int64_t) :: peak_buffer_bytes = 0
    real(c_double) :: phase_seconds(TSNAP_PHASE_LIMIT) = 0.0_c_double
    integer(c_int64_t) :: phase_bytes(TSNAP_PHASE_LIMIT) = 0
  end type

  type, bind(C) :: c_tsnap_take_options
    integer(c_size_t) :: struct_size = 0
    integer(c_int32_t) :: overwrite = 0
    integer(c_int32_t) :: codec = 0
    integer(c_int32_t) :: verify_replicated = 0
    integer(c_int32_t) :: sync = 0
    integer(c_int64_t) :: chunk_bytes = 0
    integer(c_int64_t) :: slab_bytes = 0
    type(c_ptr) :: metadata = c_null_ptr
    type(c_funptr) :: progress = c_null_funptr
    type(c_ptr) :: progress_user = c_null_ptr
    integer(c_int32_t) :: device_staging = 0
    integer(c_int32_t) :: reserved = 0
    type(c_ptr) :: cuda_stream = c_null_ptr
  end type
  ! tsnap_box(array, offset): a tsnap_array, and what is wrong with it (descriptor.h).
  type, bind(C) :: tsnap_box
    private
    type(c_tsnap_array) :: array
    type(c_ptr) :: problem = c_null_ptr
  end type

  interface
    function c_tsnap_context_open_self(config, out) bind(C, &
        name="tsnap_context_open_self") result(status)
      import
      type(c_ptr), value :: config
      type(c_ptr), intent(inout) :: out
      integer(c_int32_t) :: status
    end function

    function c_tsnap_context_close(ctx) bind(C, name="tsnap_context_close") result(status)
      import
      type(c_ptr), intent(inout) :: ctx
      integer(c_int32_t) :: status
    end function

    function c_tsnap_copy(from_url, from_config, to_url, to_config, options, out) bind(C, &
        name="tsnap_copy") result(status)
      import
      character(kind=c_char), intent(in) :: from_url(*)
      type(c_ptr), value :: from_config
      character(kind=c_char), intent(in) :: to_url(*)
      type(c_ptr), value :: to_config, options
      type(c_tsnap_copy_result), intent(inout) :: out
      integer(c_int32_t) :: status
    end function

    function c_tsnap_take_async(ctx, url, state, options, out) bind(C, &
        name="tsnap_take_async") result(status)
      import
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in) :: url(*)
      type(c_ptr), value :: state, options
      type(c_ptr), intent(inout) :: out
      integer(c_int32_t) :: status
    end function

    function c_tsnap_request_test(request, done) bind(C, name="tsnap_request_test") result(status)
      import
      type(c_ptr), value :: request
      integer(c_int32_t), intent(inout) :: done
      integer(c_int32_t) :: status
    end function

    function c_tsnap_request_wait(request) bind(C, name="tsnap_request_wait") result(status)
      import
      type(c_ptr), value :: request
      integer(c_int32_t) :: status
    end function

    function c_tsnap_request_cancel(request) bind(C, name="tsnap_request_cancel") result(status)
      import
      type(c_ptr), value :: request
      integer(c_int32_t) :: status
    end function

    function c_tsnap_request_free(request) bind(C, name="tsnap_request_free") result(status)
      import
      type(c_ptr), intent(inout) :: request
      integer(c_int32_t) :: status
    end function

    function c_tsnap_restore(ctx, url, state, options) bind(C, name="tsnap_restore") result(status)
      import
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in) :: url(*)
      type(c_ptr), value :: state, options
      integer(c_int32_t) :: status
    end function

    function c_tsnap_restore_report(ctx, out) bind(C, name="tsnap_restore_report") result(status)
      import
      type(c_ptr), value :: ctx
      type(c_tsnap_report), intent(inout) :: out
      integer(c_int32_t) :: status
    end function

    function c_tsnap_snapshot_open(url, config, out) bind(C, &
        name="tsnap_snapshot_open") result(status)
      import
      character(kind=c_char), intent(in) :: url(*)
      type(c_ptr), value :: config
      type(c_ptr), intent(inout) :: out
      integer(c_int32_t) :: status
    end function

    function c_tsnap_snapshot_open_all(ctx, url, out) bind(C, &
        name="tsnap_snapshot_open_all") result(status)
      import
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in) :: url(*)
      type(c_ptr), intent(inout) :: out
      integer(c_int32_t) :: status
    end function

    subroutine c_tsnap_snapshot_close(snapshot) bind(C, name="tsnap_snapshot_close")
      import
      type(c_ptr), intent(inout) :: snapshot
    end subroutine

    function c_tsnap_snapshot_info_get(snapshot, out) bind(C, &
        name="tsnap_snapshot_info_get") result(status)
      import
      type(c_ptr), value :: snapshot
      type(c_tsnap_snapshot_info), intent(inout) :: out
      integer(c_int32_t) :: status
    end function

    function c_tsnap_snapshot_object(snapshot, index, out) bind(C, &
        name="tsnap_snapshot_object") result(status)
      import
      type(c_ptr), value :: snapshot
      integer(c_int64_t), value :: index
      type(c_tsnap_object_info), intent(inout) :: out
      integer(c_int32_t) :: status
    end function

    function c_tsnap_snapshot_find(snapshot, path, out) bind(C, &
        name="tsnap_snapshot_find") result(status)
      import
      type(c_ptr), value :: snapshot
      character(kind=c_char), intent(in) :: path(*)
      type(c_tsnap_object_info), intent(inout) :: out
      integer(c_int32_t) :: status
    end function

    function c_tsnap_snapshot_attribute(snapshot, path, name, value) bind(C, &
        name="tsnap_snapshot_attribute") result(status)
      import
      type(c_ptr), value :: snapshot
      character(kind=c_char), intent(in) :: path(*), name(*)
      type(c_ptr), intent(inout) :: value
      integer(c_int32_t) :: status
    end function

    function c_tsnap_snapshot_attribute_at(snapshot, path, index, name, value) bind(C, &
        name="tsnap_snapshot_attribute_at") result(status)
      import
      type(c_ptr), value :: snapshot
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int64_t), value :: index
      type(c_ptr), intent(inout) :: name, value
      integer(c_int32_t) :: status
    end function

    function c_tsnap_snapshot_extent(snapshot, path, index, out) bind(C, &
        name="tsnap_snapshot_extent") result(status)
      import
      type(c_ptr), value :: snapshot
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int64_t), value :: index
      type(c_tsnap_extent_info), intent(inout) :: out
      integer(c_int32_t) :: status
    end function

    function c_tsnap_snapshot_set_progress(snapshot, progress, user) bind(C, &
        name="tsnap_snapshot_set_progress") result(status)
      import
      type(c_ptr), value :: snapshot
      type(c_funptr), value :: progress
      type(c_ptr), value :: user
      integer(c_int32_t) :: status
    end function

    function c_tsnap_read_string(snapshot, path, text, capacity, needed) bind(C, &
        name="tsnap_read_string") result(status)
      import
      type(c_ptr), value :: snapshot
      character(kind=c_char), intent(in) :: path(*)
      type(c_ptr), value :: text
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout) :: needed
      integer(c_int32_t) :: status
    end function

    function c_tsnap_read_bytes(snapshot, path, bytes, capacity, size) bind(C, &
        name="tsnap_read_bytes") result(status)
      import
      type(c_ptr), value :: snapshot
      character(kind=c_char), intent(in) :: path(*)
      type(c_ptr), value :: bytes
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout) :: size
      integer(c_int32_t) :: status
    end function

    function c_tsnap_snapshot_verify(snapshot, bad_count, bad_paths) bind(C, &
        name="tsnap_snapshot_verify") result(status)
      import
      type(c_ptr), value :: snapshot
      integer(c_int64_t), intent(inout) :: bad_count
      type(c_ptr), intent(inout) :: bad_paths
      integer(c_int32_t) :: status
    end function

    function c_tsnap_remove(url, config) bind(C, name="tsnap_remove") result(status)
      import
      character(kind=c_char), intent(in) :: url(*)
      type(c_ptr), value :: config
      integer(c_int32_t) :: status
    end function

    function c_tsnap_gc(url, config, options, out) bind(C, name="tsnap_gc") result(status)
      import
      character(kind=c_char), intent(in) :: url(*)
      type(c_ptr), value :: config, options
      type(c_tsnap_gc_result), intent(inout) :: out
      integer(c_int32_t) :: status
    end function

    function c_tsnap_state_create(out) bind(C, name="tsnap_state_create") result(status)
      import
      type(c_ptr), intent(inout) :: out
      integer(c_int32_t) :: status
    end function

    subroutine c_tsnap_state_destroy(state) bind(C, name="tsnap_state_destroy")
      import
      type(c_ptr), intent(inout) :: state
    end subroutine

    function c_tsnap_state_set_attribute(state, path, name, value) bind(C, &
        name="tsnap_state_set_attribute") result(status)
      import
      type(c_ptr), value :: state
      character(kind=c_char), intent(in) :: path(*), name(*), value(*)
      integer(c_int32_t) :: status
    end function

    function c_tsnap_state_replicate(state, glob) bind(C, &
        name="tsnap_state_replicate") result(status)
      import
      type(c_ptr), value :: state
      character(kind=c_char), intent(in) :: glob(*)
      integer(c_int32_t) :: status
    end function

    function c_tsnap_state_add_stateful(state, path, callbacks) bind(C, &
        name="tsnap_state_add_stateful") result(status)
      import
      type(c_ptr), value :: state
      character(kind=c_char), intent(in) :: path(*)
      type(c_ptr), value :: callbacks
      integer(c_int32_t) :: status
    end function

    function c_tsnap_state_add_rng(state, path, callbacks) bind(C, &
        name="tsnap_state_add_rng") result(status)
      import
      type(c_ptr), value :: state
      character(kind=c_char), intent(in) :: path(*)
      type(c_ptr), value :: callbacks
      integer(c_int32_t) :: status
    end function

    function c_tsnap_context_statistics(ctx, out) bind(C, &
        name="tsnap_context_statistics") result(status)
      import
      type(c_ptr), value :: ctx
      type(c_tsnap_statistics), intent(inout) :: out
      integer(c_int32_t) :: status
    end function

    function c_tsnap_phase_name(phase) bind(C, name="tsnap_phase_name") result(text)
      import
      integer(c_int32_t), value :: phase
      type(c_ptr) :: text
    end function

    function c_tsnap_status_name(status) bind(C, name="tsnap_status_name") result(text)
      import
      integer(c_int32_t), value :: status
      type(c_ptr) :: text
    end function

    function c_tsnap_take(ctx, url, state, options) bind(C, name="tsnap_take") result(status)
      import
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in) :: url(*)
      type(c_ptr), value :: state, options
      integer(c_int32_t) :: status
    end function

    function c_tsnap_version() bind(C, name="tsnap_version") result(text)
      import
      type(c_ptr) :: text
    end function
  end interface

  ! These are called by users: a bind(C) procedure is what gfortran passes every section to as it is.
  interface tsnap_box
    function tsnap_fortran_box_whole(array, dtype) bind(C) result(box)
      import
      type(*), dimension(..), target, intent(inout) :: array
      integer(c_int32_t), optional, intent(in) :: dtype
      type(tsnap_box) :: box
    end function

    function tsnap_fortran_box_at_32(array, offset, dtype) bind(C) result(box)
      import
      type(*), dimension(..), target, intent(inout) :: array
      integer(c_int32_t), intent(in) :: offset(:)
      integer(c_int32_t), optional, intent(in) :: dtype
      type(tsnap_box) :: box
    end function

    function tsnap_fortran_box_at_64(array, offset, dtype) bind(C) result(box)
      import
      type(*), dimension(..), target, intent(inout) :: array
      integer(c_int64_t), intent(in) :: offset(:)
      integer(c_int32_t), optional, intent(in) :: dtype
      type(tsnap_box) :: box
    end function
  end interface

  ! The binding's own functions in C.
  interface
    subroutine tsnap_fortran_settle(status) bind(C)
      import
      integer(c_int32_t), value :: status
    end subroutine

    function tsnap_fortran_fail_with(status, text) bind(C) result(same)
      import
      integer(c_int32_t), value :: status
      character(kind=c_char), intent(in) :: text(*)
      integer(c_int32_t) :: same
    end function

    function tsnap_fortran_last_error() bind(C) result(text)
      import
      type(c_ptr) :: text
    end function

    subroutine tsnap_fortran_before_stop() bind(C)
    end subroutine

    function tsnap_fortran_check_version() bind(C) result(status)
      import
      integer(c_int32_t) :: status
    end function

    function tsnap_fortran_add(state, notes, path, value, kind, dtype) bind(C) result(status)
      import
      type(c_ptr), value :: state
      type(c_ptr), intent(inout) :: notes
      character(kind=c_char), intent(in) :: path(*)
      type(*), dimension(..), target, intent(inout) :: value
      integer(c_int32_t), value :: kind, dtype
      integer(c_int32_t) :: status
    end function

    function tsnap_fortran_add_box(state, path, box, kind) bind(C) result(status)
      import
      type(c_ptr), value :: state
      character(kind=c_char), intent(in) :: path(*)
      type(tsnap_box), intent(in) :: box
      integer(c_int32_t), value :: kind
      integer(c_int32_t) :: status
    end function

    function tsnap_fortran_add_boxes(state, notes, path, global_shape, axes, boxes, box_count) &
        bind(C) result(status)
      import
      type(c_ptr), value :: state
      type(c_ptr), intent(inout) :: notes
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int64_t), intent(in) :: global_shape(*)
      integer(c_int64_t), value :: axes
      type(tsnap_box), intent(in) :: boxes(*)
      integer(c_int64_t), value :: box_count
      integer(c_int32_t) :: status
    end function

    function tsnap_fortran_add_bytes(state, path, kind, bytes, size) bind(C) result(status)
      import
      type(c_ptr), value :: state
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int32_t), value :: kind
      type(*), dimension(..), target, intent(inout) :: bytes
      integer(c_size_t), target, intent(inout) :: size
      integer(c_int32_t) :: status
    end function

    function tsnap_fortran_set_coverage(state, notes, path, coverage, fill_item) bind(C) &
        result(status)
      import
      type(c_ptr), value :: state, notes
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int32_t), value :: coverage
      type(*), dimension(..), optional, intent(in) :: fill_item
      integer(c_int32_t) :: status
    end function

    function tsnap_fortran_remove_object(state, notes, path) bind(C) result(status)
      import
      type(c_ptr), value :: state
      type(c_ptr), intent(inout) :: notes
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int32_t) :: status
    end function

    function tsnap_fortran_gather_texts(notes) bind(C) result(status)
      import
      type(c_ptr), value :: notes
      integer(c_int32_t) :: status
    end function

    subroutine tsnap_fortran_await_texts(notes) bind(C)
      import
      type(c_ptr), value :: notes
    end subroutine

    subroutine tsnap_fortran_spread_texts(notes) bind(C)
      import
      type(c_ptr), value :: notes
    end subroutine

    subroutine tsnap_fortran_keep_notes(notes) bind(C)
      import
      type(c_ptr), value :: notes
    end subroutine

    subroutine tsnap_fortran_free_notes(notes) bind(C)
      import
      type(c_ptr), intent(inout) :: notes
    end subroutine

    function tsnap_fortran_read(snapshot, path, value, dtype, offset, offset_count, options) &
        bind(C) result(status)
      import
      type(c_ptr), value :: snapshot
      character(kind=c_char), intent(in) :: path(*)
      type(*), dimension(..), intent(inout) :: value
      integer(c_int32_t), value :: dtype
      integer(c_int64_t), intent(in) :: offset(*)
      integer(c_int64_t), value :: offset_count
      type(c_ptr), value :: options
      integer(c_int32_t) :: status
    end function

    function tsnap_fortran_read_box(snapshot, path, box, options) bind(C) result(status)
      import
      type(c_ptr), value :: snapshot
      character(kind=c_char), intent(in) :: path(*)
      type(tsnap_box), intent(in) :: box
      type(c_ptr), value :: options
      integer(c_int32_t) :: status
    end function
  end interface
end module
