using Berth.Engine.Containers;

namespace Berth.Engine.Events;

/// <summary>Events of containers, with the attributes that all of them have.</summary>
public static class ContainerEvents
{
    /// <summary>Tells that something happened to a container: its labels, image and name go with it.</summary>
    /// <param name="events">Where to tell it.</param>
    /// <param name="record">The container as it is after it.</param>
    /// <param name="action">What happened.</param>
    /// <param name="more">More attributes; they win over labels of the same name.</param>
    public static void Publish(this EventHub events, ContainerRecord record, string action, params ReadOnlySpan<(string Name, string Value)> more)
    {
        var attributes = new Dictionary<string, string>(record.Config.Labels, StringComparer.Ordinal) { ["image"] = record.Config.Image, ["name"] = record.Name };
        foreach ((string name, string value) in more)
        {
            attributes[name] = value;
        }

        events.Publish("container", action, record.Id.ToString(), attributes);
    }
}
