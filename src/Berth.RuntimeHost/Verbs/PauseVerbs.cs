using Berth.Runtime.Cgroups;
using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;
using Berth.RuntimeHost.Containers;

namespace Berth.RuntimeHost.Verbs;

/// <summary><c>pause</c> and <c>resume</c>: stop all processes of a container, and let them go on.</summary>
internal static class PauseVerbs
{
    public static Verb Pause() => new(
        "pause", "stop all processes of a container until it is resumed", "<container-id>", "", [],
        static call => Change(call, "pause", static (container, status) =>
        {
            if (status is not (ContainerStatus.Running or ContainerStatus.Created))
                throw new StateException("container not running");
            CgroupOf(container).Freeze();
        }));

    public static Verb Resume() => new(
        "resume", "let the processes of a paused container go on", "<container-id>", "", [],
        static call => Change(call, "resume", static (container, status) =>
        {
            if (status != ContainerStatus.Paused)
                throw new StateException("container not paused");
            CgroupOf(container).Thaw();
        }));

    private static int Change(VerbCall call, string verb, Action<Container, ContainerStatus> change)
    {
        call.Arguments.Expect(verb, 1, 1);
        using var container = new Container(call.Options.Store.OpenLocked(ContainerName.Parse(call.Arguments.Rest[0])));
        change(container, container.Status);
        return 0;
    }

    private static ContainerCgroup CgroupOf(Container container) =>
        container.Cgroup ?? throw new StateException($"container {container.Id} has no cgroup, so it cannot be stopped as a whole");
}
