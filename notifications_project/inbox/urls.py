from django.urls import path

from notifications_project.inbox import views

app_name = "inbox"
urlpatterns = [
    path("inbox/", views.messages, name="messages"),
    path("inbox/messages/<uuid:message_id>/", views.message, name="message"),
    path("inbox/<slug:name>/", views.box, name="box"),
    path("inbox/<slug:name>/answer/", views.change_answer, name="answer"),
]
