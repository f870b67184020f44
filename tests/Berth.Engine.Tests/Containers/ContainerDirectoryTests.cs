using System.Collections.Concurrent;
using Berth.Engine.Containers;
using Berth.Engine.Tests.Support;
using Berth.Model;

namespace Berth.Engine.Tests.Containers;

public sealed class ContainerDirectoryTests
{
    // A directory asks its containers for their names only.
    private static readonly ContainerServices Services = new(null!, null!, null!, null!, null!, null!, null!, null!, null!, null!);

    private static readonly ContainerLinks Links = new(new ConcurrentDictionary<string, Container>(StringComparer.Ordinal), static _ => { }, static _ => null, static (_, _) => [], static _ => Task.CompletedTask, static _ => Task.CompletedTask, Task.CompletedTask);

    private static readonly ContainerId First = ContainerId.Parse("abc1" + new string('0', 60));
    private static readonly ContainerId Second = ContainerId.Parse("abc2" + new string('0', 60));
    private readonly ContainerDirectory directory = new();

    [Fact]
    public void A_container_is_found_by_name_id_and_unique_beginning()
    {
        Container first = Add(First, "one");
        Add(Second, "two");
        Assert.Same(first, directory.Find("one"));
        Assert.Same(first, directory.Find("/one"));
        Assert.Same(first, directory.Find(First.ToString()));
        Assert.Same(first, directory.Find("abc1"));
    }

    [Fact]
    public void A_name_goes_before_the_beginning_of_an_id()
    {
        Add(First, "one");
        Container named = Add(Second, "abc1");
        Assert.Same(named, directory.Find("abc1"));
    }

    [Fact]
    public void An_ambiguous_beginning_is_refused()
    {
        Add(First, "one");
        Add(Second, "two");
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<EngineException>(() => directory.Find("abc")).Kind);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("on")]
    [InlineData("ABC1")]
    [InlineData("abd")]
    public void Nothing_else_is_found(string reference)
    {
        Add(First, "one");
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<EngineException>(() => directory.Find(reference)).Kind);
    }

    [Fact]
    public void A_reserved_name_is_a_conflict_until_it_is_released()
    {
        directory.ReserveName("one", First);
        var error = Assert.Throws<EngineException>(() => directory.ReserveName("one", Second));
        Assert.Equal(ErrorKind.Conflict, error.Kind);
        Assert.Contains(First.ToString(), error.Message, StringComparison.Ordinal);
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<EngineException>(() => directory.Find("one")).Kind);
        directory.ReleaseName("one", First);
        directory.ReserveName("one", Second);
    }

    [Fact]
    public void A_removed_container_leaves_its_name_free()
    {
        Container first = Add(First, "one");
        directory.Remove(first);
        Assert.False(directory.IsNameTaken("one"));
        Assert.Empty(directory.All);
    }

    private Container Add(ContainerId id, string name)
    {
        directory.ReserveName(name, id);
        // The directory asks a container for its record alone; the services of the world are never reached.
        var container = new Container(Services, Records.Create(id: id, name: name), Links);
        directory.Add(container);
        return container;
    }
}
