! ranks.f90 - module tsnap under mpirun: contexts of communicators, and what ranks do together.
program ranks
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use checks
  use mpi_f08
  use tsnap
  implicit none
  type(tsnap_context) :: context
  type(tsnap_state) :: state
  integer :: rank, size_of_world, granted, ierr
  character(:), allocatable :: url

  if (chosen_case() == 'before_init') then
    call tsnap_context_open(context, MPI_COMM_WORLD, ierr=ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'before MPI_Init')
    call end_case()
    stop
  end if
  call MPI_Init_thread(merge(MPI_THREAD_FUNNELED, MPI_THREAD_MULTIPLE, chosen_case() == 'funneled'), granted)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank)
  call MPI_Comm_size(MPI_COMM_WORLD, size_of_world)
  call state%create()
  call choose_place()
  select case (chosen_case())
  case ('communicators'); call communicators()
  case ('columns'); call columns()
  case ('elastic'); call elastic()
  case ('together'); call together()
  case ('multiple', 'funneled'); call background()
  case ('nul_of_one_rank'); call nul_of_one_rank()
  case ('missing_rank'); call missing_rank()
  case ('stops'); call stops()
  case ('stops_alone'); call stops_alone()
  end select
  call state%destroy()
  call end_case()
  call MPI_Barrier(MPI_COMM_WORLD) ! others may still take
  if (rank == 0) call execute_command_line('rm -rf ' // url // '*')
  call MPI_Finalize()

contains

  ! launch.sh gives every job a TMPDIR of its own, which it removes.
  subroutine choose_place()
    character(len=400) :: folder
    call get_environment_variable('TMPDIR', folder)
    url = trim(folder) // '/snapshot'
  end subroutine

  ! Of mpi_f08 and as an integer; of all ranks and of a part of them; of none.
  subroutine communicators()
    type(MPI_Comm) :: half
    type(tsnap_context) :: of_half
    type(tsnap_snapshot) :: snapshot
    type(tsnap_snapshot_info) :: info
    integer, target :: value
    call state%add('value', value, TSNAP_PRIVATE)
    value = rank
    call tsnap_context_open(context, MPI_COMM_WORLD)
    call tsnap_context_open(context, MPI_COMM_WORLD, ierr=ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'opened twice')
    call context%take(url, state)
    call context%close()
    call tsnap_context_open(context, MPI_COMM_WORLD%MPI_VAL, tsnap_config(io_concurrency=1))
    value = -1
    call context%restore(url, state)
    call check(value == rank, 'each rank has its own')
    call snapshot%open_all(context, url)
    call snapshot%info(info)
    call check(info%world_size == size_of_world, 'all ranks took it')
    call snapshot%close()
    call context%close()
    call MPI_Comm_split(MPI_COMM_WORLD, modulo(rank, 2), rank, half)
    call tsnap_context_open(of_half, half)
    call of_half%take(url // achar(ichar('a') + modulo(rank, 2)), state)
    call of_half%close()
    call MPI_Comm_free(half)
    call tsnap_context_open(context, MPI_COMM_NULL, ierr=ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'MPI_COMM_NULL')
  end subroutine

  ! A global array that is cut by columns when it is taken, and by rows of another number of ranks when it is
  ! restored; each box has a ghost layer.
  subroutine columns()
    integer, parameter :: n = 12
    real(real64), allocatable, target :: mine(:, :), rows(:, :)
    type(tsnap_context) :: of_two
    type(tsnap_state) :: other
    type(MPI_Comm) :: two
    integer :: first, last, i, j
    call cut(n, size_of_world, rank, first, last)
    allocate (mine(0:n + 1, first - 1:last + 1), source=-1.0_real64)
    do j = first, last
      do i = 1, n
        mine(i, j) = 100 * i + j
      end do
    end do
    call state%add_sharded('field', mine(1:n, first:last), [n, n], [1, first])
    call tsnap_context_open(context, MPI_COMM_WORLD)
    call context%take(url, state)
    call context%close()
    call MPI_Comm_split(MPI_COMM_WORLD, min(rank, 2), rank, two) ! ranks 0, 1 and 2 alone
    call MPI_Comm_free(two)
    call MPI_Comm_split(MPI_COMM_WORLD, merge(0, 1, rank < 2), rank, two)
    if (rank < 2) then
      call cut(n, 2, rank, first, last)
      allocate (rows(first:last, 0:n + 1), source=-1.0_real64)
      call other%create()
      call other%add_sharded('field', rows(:, 1:n), [int(n, int64), int(n, int64)], [int(first, int64), 1_int64])
      call tsnap_context_open(of_two, two)
      call of_two%restore(url, other)
      do j = 1, n
        do i = first, last
          call check(rows(i, j) == 100 * i + j, 'an element')
        end do
      end do
      call check(all(rows(:, 0) == -1) .and. all(rows(:, n + 1) == -1), 'ghosts')
      call of_two%close()
      call other%destroy()
    end if
    call check(mine(1, max(1, lbound(mine, 2))) /= 0, 'the taken array is left alone')
    call MPI_Comm_free(two)
  end subroutine

  subroutine cut(n, parts, part, first, last)
    integer, intent(in) :: n, parts, part
    integer, intent(out) :: first, last
    first = n * part / parts + 1
    last = n * (part + 1) / parts
  end subroutine

  ! Taken by one rank fewer than restore it, and the other way round.
  subroutine elastic()
    type(MPI_Comm) :: fewer
    type(tsnap_context) :: of_fewer
    integer, target :: mine
    call state%add('mine', mine, TSNAP_PRIVATE)
    mine = 10 + rank
    call MPI_Comm_split(MPI_COMM_WORLD, merge(0, 1, rank < size_of_world - 1), rank, fewer)
    if (rank < size_of_world - 1) then
      call tsnap_context_open(of_fewer, fewer)
      call of_fewer%take(url, state)
      call of_fewer%close()
    end if
    call MPI_Barrier(MPI_COMM_WORLD)
    call tsnap_context_open(context, MPI_COMM_WORLD)
    call context%restore(url, state, ierr=ierr)
    call expect_status(ierr, TSNAP_E_MISMATCH, 'a rank that is new')
    call context%restore(url, state, tsnap_restore_options(new_ranks=TSNAP_NEW_RANKS_COPY_RANK_0))
    call check(mine == merge(10 + rank, 10, rank < size_of_world - 1), 'the new rank has that of rank 0')
    mine = 20 + rank
    call context%take(url // 'b', state)
    call context%close()
    if (rank < size_of_world - 1) then
      call tsnap_context_open(of_fewer, fewer)
      call of_fewer%restore(url // 'b', state, ierr=ierr)
      call expect_status(ierr, TSNAP_E_MISMATCH, 'a rank that is gone')
      call of_fewer%restore(url // 'b', state, tsnap_restore_options(lost_ranks=TSNAP_LOST_RANKS_IGNORE))
      call of_fewer%close()
    end if
    call MPI_Comm_free(fewer)
  end subroutine

  ! Ranks that do not do the same are told so, all of them.
  subroutine together()
    integer, target :: equal(3), box(4)
    call tsnap_context_open(context, MPI_COMM_WORLD)
    call context%take(url // achar(ichar('a') + rank), state, ierr=ierr)
    call expect_status(ierr, TSNAP_E_MISMATCH, 'different places')
    equal = rank
    call state%add('equal', equal, TSNAP_REPLICATED)
    call context%take(url, state, tsnap_take_options(verify_replicated=TSNAP_REPLICATED_CHECK_CONTENT), ierr)
    call expect_status(ierr, TSNAP_E_MISMATCH, 'replicated and not equal')
    call state%remove('equal')
    box = rank
    call state%add_sharded('field', box, [4 * size_of_world], [4 * min(rank, size_of_world - 2) + 1])
    call context%take(url, state, ierr=ierr)
    call expect_status(ierr, TSNAP_E_MISMATCH, 'boxes that overlap and leave a gap')
    call context%close()
  end subroutine

  subroutine background()
    type(tsnap_request) :: request
    integer(int64), target :: value
    logical :: done
    integer :: i
    call state%add('value', value, TSNAP_PRIVATE)
    call tsnap_context_open(context, MPI_COMM_WORLD)
    do i = 1, 3
      value = 100 * i + rank
      call context%take_async(url, state, request, tsnap_take_options(overwrite=TSNAP_ON))
      value = -1
      do
        call request%test(done)
        if (done) exit
      end do
      call request%free()
      call context%restore(url, state)
      call check(value == 100 * i + rank, 'what it was at the call')
    end do
    call context%take_async(url, state, request, ierr=ierr)
    call expect_status(ierr, TSNAP_E_EXISTS, 'on all ranks')
    call context%close()
  end subroutine

  ! The last rank does not come: the others are told after the time that they are given.
  subroutine missing_rank()
    type(tsnap_config) :: config
    integer, target :: value
    call state%add('value', value, TSNAP_PRIVATE)
    config%collective_timeout_seconds = 1
    call tsnap_context_open(context, MPI_COMM_WORLD, config)
    if (rank < size_of_world - 1) then
      call context%take(url, state, ierr=ierr)
      call expect_status(ierr, TSNAP_E_TIMEOUT, 'a rank that does not come')
      call context%restore(url, state, ierr=ierr)
      call check(ierr /= TSNAP_OK, 'the context is broken')
    else
      call check(.true., 'does not come')
    end if
    call MPI_Barrier(MPI_COMM_WORLD)
    call end_case()
    call MPI_Abort(MPI_COMM_WORLD, 0)
  end subroutine

  ! One rank's string has a NUL: the take fails on all ranks, and the next one goes well.
  subroutine nul_of_one_rank()
    character(len=6), target :: title
    call state%add('title', title, TSNAP_PRIVATE)
    title = 'good'
    if (rank == 1) title(3:3) = achar(0)
    call tsnap_context_open(context, MPI_COMM_WORLD)
    call context%take(url, state, ierr=ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a NUL of one rank')
    if (rank == 1) call expect_message('taking title: the string has the character 3 a NUL')
    if (rank /= 1) call expect_message('rank 1')
    title = 'good'
    call context%take(url, state, ierr=ierr)
    call expect_status(ierr, TSNAP_OK, 'without it')
    call context%close()
  end subroutine

  ! A failure of one rank alone, before there is a context; the others wait for it.
  subroutine stops_alone()
    integer, target :: value
    if (rank == 1) call state%add('..', value, TSNAP_PRIVATE)
    call MPI_Barrier(MPI_COMM_WORLD)
    write (*, '(a)') 'still running'
    call MPI_Finalize()
    stop 0
  end subroutine

  subroutine stops()
    call tsnap_context_open(context, MPI_COMM_WORLD)
    call context%restore(url // 'none', state)
    write (*, '(a)') 'still running'
    call MPI_Finalize()
    stop 0
  end subroutine
end program
