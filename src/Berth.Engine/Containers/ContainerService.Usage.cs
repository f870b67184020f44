using Berth.Model;
using Berth.Runtime.Cgroups;

namespace Berth.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>What a container's processes use at this moment; null when it does not run.</summary>
    /// <exception cref="EngineException">NotFound; Internal when the kernel does not tell.</exception>
    public CgroupStats? ReadUsage(string reference)
    {
        ContainerRecord record = directory.Find(reference).Record;
        if (!record.State.IsAlive)
        {
            return null;
        }

        try
        {
            return ContainerCgroup.Open(SpecBuilder.CgroupPath(record.Id)).ReadStats();
        }
        catch (IOException exception)
        {
            // It may have ended in between, and its cgroup with it.
            return directory.Find(reference).Record.State.IsAlive
                ? throw new EngineException(ErrorKind.Internal, $"Cannot read what container {record.Id} uses: {exception.Message}", exception)
                : null;
        }
    }
}
