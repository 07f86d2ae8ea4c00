! A plate heated by a moving torch: the 2-D heat equation under MPI, with snapshots by tsnap.
!
!   mpirun -n 4 heat2d_fortran --snapshots FOLDER     a run that takes a snapshot every 20 steps, in the
!                                                     background
!   mpirun -n 3 heat2d_fortran --snapshots FOLDER     the job goes on from the newest one, on 3 ranks
!
! It is the program heat2d.c in Fortran: the same arithmetic, the same objects under the same names. Each
! goes on from snapshots of the other, and ends with the same fields, bit for bit.
!
! What to look at, if you want the same for your own code:
!
!   describe_plate   the arrays of the state: boxes of global arrays, inside their ghost layers
!   register_state   the whole state: the arrays, two numbers that are equal on all ranks, and one that
!                    each rank has its own of
!   find_newest      which snapshot is the newest complete one: ask, from the last step down
!   begin_take       a take that goes on in the background while the next steps are computed
!   end_take         how it ended; the next take begins after that
!
! None of the calls has an ierr, where a failure should stop the program with its message. A simulation
! that cannot trust its snapshots should stop and say so.
!
! (Build it with -ffp-contract=off: a compiler that fuses a multiplication with an addition in one loop
! and not in another would make the field depend on where the plate is cut.)
module plate_of_heat
  use, intrinsic :: iso_c_binding, only: c_double
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use mpi_f08
  use tsnap
  implicit none
  private
  public :: plate_type, create_plate, destroy_plate, step_plate, exchange_halo, fingerprint

  real(real64), parameter :: ambient = 300         ! kelvin; also the plate's rim
  real(real64), parameter :: time_step = 0.2_real64 ! seconds; cells are 1 wide, diffusivities at most 1
  real(real64), parameter :: loop_seconds = 48     ! the torch is back where it began after this time
  real(real64), parameter :: torch_power = 900     ! kelvin per second under its centre
  real(real64), parameter :: two_pi = 6.283185307179586_real64

  ! It extends tsnap_stateful: a part of the program that describes itself to tsnap.
  type, extends(tsnap_stateful) :: plate_type
    type(MPI_Comm) :: grid ! the ranks as a 2-D grid
    integer :: rank = 0, ranks = 1
    integer :: up = 0, down = 0, left = 0, right = 0 ! neighbours; MPI_PROC_NULL at the rim
    integer(int64) :: side = 0                       ! cells along each side of the whole plate
    integer(int64) :: first_row = 0, rows = 0        ! this rank's box of it; firsts count from 0
    integer(int64) :: first_column = 0, columns = 0
    ! Every array has a ghost layer of one cell all around. The first two change places in every step.
    real(real64), allocatable :: temperature(:, :), next(:, :)
    real(real64), allocatable :: diffusivity(:, :)
    real(real64), allocatable :: peak(:, :) ! the highest temperature that each cell has ever had
    integer(int64) :: step = 0
    real(real64) :: seconds = 0         ! simulated
    integer(int64) :: cell_updates = 0 ! how much work this rank has done, over all restarts
  contains
    procedure :: describe => describe_plate
  end type

  ! Those of the C library, as the C program has them. gfortran vectorises its own with others, which round
  ! differently where a loop ends.
  interface
    pure function c_sin(x) bind(C, name="sin") result(y)
      import :: c_double
      real(c_double), value :: x
      real(c_double) :: y
    end function
    pure function c_exp(x) bind(C, name="exp") result(y)
      import :: c_double
      real(c_double), value :: x
      real(c_double) :: y
    end function
  end interface

contains

  ! A state keeps addresses, and the temperature's address changes in every step. So the fields are not
  ! registered once, but described anew whenever tsnap takes or restores a snapshot.
  subroutine describe_plate(self, child, ierr)
    class(plate_type), target, intent(inout) :: self
    type(tsnap_state), intent(inout) :: child
    integer, intent(out) :: ierr
    call add_field(self, child, 'temperature', self%temperature, ierr)
    if (ierr == TSNAP_OK) call add_field(self, child, 'diffusivity', self%diffusivity, ierr)
    if (ierr == TSNAP_OK) call add_field(self, child, 'peak', self%peak, ierr)
  end subroutine

  ! Registers one field: this rank's box of the plate is the interior, a section without the ghosts.
  subroutine add_field(plate, state, path, field, ierr)
    class(plate_type), intent(in) :: plate
    type(tsnap_state), intent(inout) :: state
    character(len=*), intent(in) :: path
    real(real64), allocatable, target, intent(inout) :: field(:, :)
    integer, intent(out) :: ierr
    call state%add_sharded(path, field(1:plate%rows, 1:plate%columns), [plate%side, plate%side], &
      [plate%first_row + 1, plate%first_column + 1], ierr)
  end subroutine

  ! Cuts the plate among the ranks, and fills it as it is before the first step, ghosts included.
  subroutine create_plate(plate, side)
    type(plate_type), intent(inout) :: plate
    integer(int64), intent(in) :: side
    integer :: dims(2), place(2)
    integer(int64) :: row, column
    real(real64) :: x, y
    dims = 0
    call MPI_Comm_size(MPI_COMM_WORLD, plate%ranks)
    call MPI_Dims_create(plate%ranks, 2, dims)
    call MPI_Cart_create(MPI_COMM_WORLD, 2, dims, [.false., .false.], .false., plate%grid)
    call MPI_Comm_rank(plate%grid, plate%rank)
    call MPI_Cart_coords(plate%grid, plate%rank, 2, place)
    call MPI_Cart_shift(plate%grid, 0, 1, plate%up, plate%down)
    call MPI_Cart_shift(plate%grid, 1, 1, plate%left, plate%right)
    if (side < maxval(dims)) error stop 'heat2d: --size is smaller than the grid of ranks'

    plate%side = side
    plate%first_row = side * place(1) / dims(1)
    plate%rows = side * (place(1) + 1) / dims(1) - plate%first_row
    plate%first_column = side * place(2) / dims(2)
    plate%columns = side * (place(2) + 1) / dims(2) - plate%first_column
    allocate (plate%temperature(0:plate%rows + 1, 0:plate%columns + 1), source=ambient)
    allocate (plate%next, plate%peak, source=plate%temperature)
    allocate (plate%diffusivity, mold=plate%temperature)
    do column = 0, plate%columns + 1
      x = real(plate%first_column + column - 1, real64) / real(side, real64)
      do row = 0, plate%rows + 1
        y = real(plate%first_row + row - 1, real64) / real(side, real64)
        plate%diffusivity(row, column) = 0.6_real64 + &
          0.4_real64 * c_sin(6.0_real64 * two_pi * x) * c_sin(6.0_real64 * two_pi * y)
      end do
    end do
  end subroutine

  subroutine destroy_plate(plate)
    type(plate_type), intent(inout) :: plate
    deallocate (plate%temperature, plate%next, plate%diffusivity, plate%peak)
    call MPI_Comm_free(plate%grid)
  end subroutine

  subroutine exchange_halo(plate, field)
    class(plate_type), intent(in) :: plate
    real(real64), allocatable, intent(inout) :: field(:, :)
    integer(int64) :: m, n
    m = plate%rows
    n = plate%columns
    call shift(plate%up, plate%down, field(1, 1:n), field(m + 1, 1:n))
    call shift(plate%down, plate%up, field(m, 1:n), field(0, 1:n))
    call shift(plate%left, plate%right, field(1:m, 1), field(1:m, n + 1))
    call shift(plate%right, plate%left, field(1:m, n), field(1:m, 0))
  contains
    subroutine shift(to, from, edge, ghost)
      integer, intent(in) :: to, from
      real(real64), intent(in) :: edge(:)
      real(real64), intent(inout) :: ghost(:)
      real(real64) :: sent(size(edge)), received(size(ghost))
      sent = edge
      received = ghost ! stays what it is at the rim
      call MPI_Sendrecv(sent, size(sent), MPI_DOUBLE_PRECISION, to, 0, received, size(received), &
        MPI_DOUBLE_PRECISION, from, 0, plate%grid, MPI_STATUS_IGNORE)
      ghost = received
    end subroutine
  end subroutine

  ! What the torch adds to a cell in this step; its spot follows a figure of eight.
  subroutine heat_by_torch(plate, field)
    class(plate_type), intent(in) :: plate
    real(real64), allocatable, intent(inout) :: field(:, :)
    real(real64) :: side, radius, reach, angle, spot_row, spot_column, dx, dy
    integer(int64) :: row, column
    side = real(plate%side, real64)
    radius = side / 50.0_real64
    reach = 4.0_real64 * radius
    angle = two_pi * plate%seconds / loop_seconds
    spot_row = side * (0.5_real64 + 0.3_real64 * c_sin(2.0_real64 * angle))
    spot_column = side * (0.5_real64 + 0.4_real64 * c_sin(angle))
    do column = 1, plate%columns
      dx = real(plate%first_column + column - 1, real64) - spot_column
      if (abs(dx) > reach) cycle
      do row = 1, plate%rows
        dy = real(plate%first_row + row - 1, real64) - spot_row
        if (abs(dy) > reach) cycle
        field(row, column) = field(row, column) + &
          (time_step * torch_power) * c_exp(-(dx * dx + dy * dy) / (radius * radius))
      end do
    end do
  end subroutine

  subroutine step_plate(plate)
    class(plate_type), intent(inout) :: plate
    real(real64), allocatable :: swap(:, :)
    real(real64) :: from_above, from_below, from_left, from_right
    integer(int64) :: i, j
    call exchange_halo(plate, plate%temperature)
    associate (t => plate%temperature, k => plate%diffusivity, next => plate%next)
      do j = 1, plate%columns
        do i = 1, plate%rows
          from_above = (0.5_real64 * (k(i, j) + k(i - 1, j))) * (t(i - 1, j) - t(i, j))
          from_below = (0.5_real64 * (k(i, j) + k(i + 1, j))) * (t(i + 1, j) - t(i, j))
          from_left = (0.5_real64 * (k(i, j) + k(i, j - 1))) * (t(i, j - 1) - t(i, j))
          from_right = (0.5_real64 * (k(i, j) + k(i, j + 1))) * (t(i, j + 1) - t(i, j))
          next(i, j) = t(i, j) + time_step * (((from_above + from_below) + from_left) + from_right)
        end do
      end do
    end associate
    call heat_by_torch(plate, plate%next)
    associate (m => plate%rows, n => plate%columns)
      plate%peak(1:m, 1:n) = max(plate%peak(1:m, 1:n), plate%next(1:m, 1:n))
    end associate
    call move_alloc(plate%temperature, swap)
    call move_alloc(plate%next, plate%temperature)
    call move_alloc(swap, plate%next)
    plate%step = plate%step + 1
    plate%seconds = plate%seconds + time_step
    plate%cell_updates = plate%cell_updates + plate%rows * plate%columns
  end subroutine

  ! A fingerprint of the fields as they lie in memory, the same wherever the plate is cut: an exclusive or
  ! does not care about order. It is what lets a restart be judged without believing tsnap.
  function fingerprint(plate) result(whole)
    class(plate_type), intent(in) :: plate
    integer(int64) :: whole, mine, cell, bits, row, column
    mine = 0
    do column = 1, plate%columns
      do row = 1, plate%rows
        cell = (plate%first_row + row) * plate%side + plate%first_column + column
        bits = ieor(transfer(plate%temperature(row, column), bits), &
          ishftc(transfer(plate%peak(row, column), bits), 17))
        mine = ieor(mine, ishftc(ieor(bits, cell), int(modulo(cell, 64_int64))))
      end do
    end do
    call MPI_Allreduce(mine, whole, 1, MPI_INTEGER8, MPI_BXOR, plate%grid)
  end function
end module

module snapshots_of_plate
  use, intrinsic :: iso_fortran_env, only: int64, output_unit, real64
  use mpi_f08
  use plate_of_heat
  use tsnap
  implicit none

  type(tsnap_context) :: context
  type(tsnap_state) :: state
  type(tsnap_request) :: pending ! the take that goes on in the background
  integer(int64) :: pending_step = 0
  character(:), allocatable :: pending_url

contains

  ! The names that everything has in a snapshot.
  subroutine register_state(plate)
    type(plate_type), target, intent(inout) :: plate
    call state%create()
    call state%add_stateful('plate', plate)
    call state%add('step', plate%step, TSNAP_REPLICATED)
    call state%add('seconds', plate%seconds, TSNAP_REPLICATED)
    call state%add('cell_updates', plate%cell_updates, TSNAP_PRIVATE)
  end subroutine

  function url_of(folder, step) result(url)
    character(len=*), intent(in) :: folder
    integer(int64), intent(in) :: step
    character(:), allocatable :: url
    character(len=6) :: digits
    write (digits, '(i6.6)') step
    url = folder // '/step-' // digits
  end function

  ! What the last take or restore has cost this rank; a take also what its wait has cost.
  subroutine tell(plate, step, url, waited_seconds)
    type(plate_type), intent(in) :: plate
    integer(int64), intent(in) :: step
    character(len=*), intent(in) :: url
    real(real64), intent(in) :: waited_seconds
    type(tsnap_statistics) :: cost
    call context%statistics(cost)
    if (plate%rank /= 0) return
    if (cost%operation == TSNAP_OPERATION_RESTORE) then
      write (*, '(2x, a, i0, 5a)') 'step ', step, ': restored ', url, ' in ', text(cost%seconds), ' s'
    else
      write (*, '(2x, a, i0, 7a)') 'step ', step, ': took ', url, ' in ', text(cost%seconds), &
        ' s; the steps were held for ', text(cost%blocked_seconds + waited_seconds), ' s'
    end if
    flush (output_unit)
  end subroutine

  function text(seconds)
    real(real64), intent(in) :: seconds
    character(:), allocatable :: text
    character(len=20) :: digits
    write (digits, '(f20.3)') seconds
    text = trim(adjustl(digits))
  end function

  ! Each snapshot has a place of its own. Until this one is committed, the one before is the newest.
  subroutine begin_take(plate, url)
    type(plate_type), intent(in) :: plate
    character(len=*), intent(in) :: url
    call end_take(plate)
    pending_step = plate%step
    pending_url = url
    call context%take_async(url, state, pending, options_of_take())
    ! From here on the fields may change: what is stored is what they were at the call.
  end subroutine

  ! Once in every step. Where MPI grants less than MPI_THREAD_MULTIPLE, a pending take talks to the other
  ! ranks in here only; elsewhere this just looks whether it has ended.
  subroutine go_on_with_take(plate)
    type(plate_type), intent(in) :: plate
    logical :: done
    if (.not. pending%is_pending()) return
    call pending%test(done)
    if (done) call end_take(plate) ! on this rank: the others may see it in a later step
  end subroutine

  ! Waits for the pending take, if there is one: when this returns, its snapshot exists.
  subroutine end_take(plate)
    type(plate_type), intent(in) :: plate
    real(real64) :: began
    if (.not. pending%is_pending()) return
    began = MPI_Wtime()
    call pending%free() ! waits, and says how the take ended
    call tell(plate, pending_step, pending_url, MPI_Wtime() - began)
  end subroutine

  ! The way of --sync, and of the last state: the snapshot exists when this returns.
  subroutine take(plate, url, overwrite)
    type(plate_type), intent(in) :: plate
    character(len=*), intent(in) :: url
    integer, intent(in) :: overwrite
    type(tsnap_take_options) :: options
    call end_take(plate)
    options = options_of_take()
    options%overwrite = overwrite
    call context%take(url, state, options)
    call tell(plate, plate%step, url, 0.0_real64)
  end subroutine

  function options_of_take() result(options)
    type(tsnap_take_options) :: options
    options%metadata = 'heat2d: a plate heated by a moving torch'
  end function

  ! The newest step that has a complete snapshot in the folder, or -1. A take that was cut short leaves a
  ! folder, but no snapshot: opening it is how one learns that. One rank looks, and tells the others.
  function find_newest(plate, folder, steps, every) result(newest)
    type(plate_type), intent(in) :: plate
    character(len=*), intent(in) :: folder
    integer(int64), intent(in) :: steps, every
    integer(int64) :: newest, step
    type(tsnap_snapshot) :: snapshot
    type(tsnap_snapshot_info) :: info
    integer :: ierr
    newest = -1
    if (plate%rank == 0) then
      do step = steps - modulo(steps, every), every, -every
        call snapshot%open(url_of(folder, step), ierr=ierr)
        if (ierr == TSNAP_E_NOT_FOUND) cycle
        ! One that is there and cannot be read is not to be passed over in silence.
        if (ierr /= TSNAP_OK) then
          write (*, '(2a)') 'heat2d: ', tsnap_error_message()
          flush (output_unit)
          call MPI_Abort(MPI_COMM_WORLD, 1)
        end if
        call snapshot%info(info)
        write (*, '(2x, a, i0, a, i0, a)') 'newest snapshot: step ', step, ', taken by ', info%world_size, ' ranks'
        call snapshot%close()
        newest = step
        exit
      end do
    end if
    call MPI_Bcast(newest, 1, MPI_INTEGER8, 0, plate%grid)
  end function

  ! Ranks that the snapshot does not know begin with their own count of updates; those of ranks that are
  ! gone are let go.
  subroutine restart(plate, url)
    type(plate_type), intent(in) :: plate
    character(len=*), intent(in) :: url
    call context%restore(url, state, tsnap_restore_options(new_ranks=TSNAP_NEW_RANKS_LEAVE, &
      lost_ranks=TSNAP_LOST_RANKS_IGNORE))
    call tell(plate, plate%step, url, 0.0_real64)
  end subroutine
end module

program heat2d
  use, intrinsic :: iso_fortran_env, only: int64, output_unit, real64
  use mpi_f08
  use plate_of_heat
  use snapshots_of_plate
  use tsnap
  implicit none

  character(len=*), parameter :: usage = &
    'usage: mpirun -n RANKS heat2d_fortran [options]' // new_line('a') // &
    '  --size N            cells along each side of the plate (2048)' // new_line('a') // &
    '  --steps N           steps of the whole job (240)' // new_line('a') // &
    '  --snapshots FOLDER  take snapshots there; go on from the newest one that is there' // new_line('a') // &
    '  --every N           steps between snapshots (20)' // new_line('a') // &
    '  --sync              the steps wait until each snapshot is committed' // new_line('a') // &
    '  --stop-at N         leave after step N, as if the time limit had come' // new_line('a') // &
    '  --final URL         where the last state goes, as a snapshot' // new_line('a') // &
    '  --help              this text'
  integer(int64) :: side = 2048, steps = 240, every = 20, stop_at = huge(0_int64), newest, first_step
  character(:), allocatable :: folder, final
  logical :: synchronous = .false., wants_help = .false.
  type(plate_type), target :: plate
  integer :: granted, rank
  integer(int64) :: print_of_fields
  real(real64) :: started

  ! With MPI_THREAD_MULTIPLE a take goes on in the background by itself. Less will do as well: then it goes
  ! on once in every step, in go_on_with_take.
  call MPI_Init_thread(MPI_THREAD_MULTIPLE, granted)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank)
  call parse()
  if (wants_help) then
    if (rank == 0) write (*, '(a)') usage
  else
    call run()
  end if
  call MPI_Finalize()

contains

  subroutine run()
    call create_plate(plate, side)
    call register_state(plate)
    call tsnap_context_open(context, plate%grid)
    if (allocated(folder)) then
      newest = find_newest(plate, folder, steps, every)
      if (newest >= 0) call restart(plate, url_of(folder, newest))
    end if
    call exchange_halo(plate, plate%diffusivity) ! ghosts are not part of the state

    first_step = plate%step
    started = MPI_Wtime()
    do while (plate%step < min(steps, stop_at))
      call step_plate(plate)
      call go_on_with_take(plate)
      if (.not. allocated(folder) .or. modulo(plate%step, every) /= 0) cycle
      if (synchronous) then
        call take(plate, url_of(folder, plate%step), TSNAP_OFF)
      else
        call begin_take(plate, url_of(folder, plate%step))
      end if
    end do
    call end_take(plate) ! a job that leaves without it may leave its last snapshot unfinished
    if (allocated(final) .and. plate%step == steps) call take(plate, final, TSNAP_ON)

    print_of_fields = fingerprint(plate)
    if (rank == 0) write (*, '(2x, a, i0, a, i0, a, i0, 3a, z16.16)') 'steps ', first_step, ' to ', &
      plate%step, ' on ', plate%ranks, ' ranks in ', text(MPI_Wtime() - started), ' s; fingerprint of the fields ', &
      print_of_fields
    call context%close()
    call state%destroy()
    call destroy_plate(plate)
  end subroutine

  subroutine parse()
    character(len=4096) :: option, value
    integer :: i
    i = 1
    do while (i <= command_argument_count())
      call get_command_argument(i, option)
      call get_command_argument(i + 1, value)
      i = i + 2
      select case (option)
      case ('--help'); wants_help = .true.
      case ('--sync')
        synchronous = .true.
        i = i - 1 ! it has no value
      case ('--size'); side = number(option, value)
      case ('--steps'); steps = number(option, value)
      case ('--every'); every = number(option, value)
      case ('--stop-at'); stop_at = number(option, value)
      case ('--snapshots'); folder = trim(value)
      case ('--final'); final = trim(value)
      case default; call refuse('"' // trim(option) // '" is no option')
      end select
    end do
  end subroutine

  function number(option, text) result(n)
    character(len=*), intent(in) :: option, text
    integer(int64) :: n
    integer :: bad
    read (text, *, iostat=bad) n
    if (bad /= 0) n = 0
    if (n < 1 .or. n > 1000000) &
      call refuse(trim(option) // ' wants a whole number from 1 to 1000000, not "' // trim(text) // '"')
  end function

  subroutine refuse(why)
    character(len=*), intent(in) :: why
    if (rank == 0) write (*, '(3a)') 'heat2d: ', why, new_line('a') // usage
    flush (output_unit)
    call MPI_Abort(MPI_COMM_WORLD, 2)
  end subroutine
end program
